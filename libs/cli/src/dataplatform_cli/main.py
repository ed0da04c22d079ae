"""The command `dataplatform`. A service adds a group by an entry point in the group `dataplatform.commands`."""

import logging
import sys
from importlib.metadata import entry_points

import structlog
import typer

from dataplatform_cli import events, topics
from dataplatform_cli.assess import assess
from dataplatform_cli.extract import extract
from dataplatform_cli.inspect import inspect
from dataplatform_cli.options import FileCommand
from dataplatform_cli.profile import profile
from dataplatform_cli.suitability import suitability

HELP = "Operate the Data Platform, or read files without it."

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Operate the Data Platform, or read files without it."
)
app.command(cls=FileCommand)(inspect)
app.command(cls=FileCommand)(extract)
app.command(cls=FileCommand)(profile)
app.command(cls=FileCommand)(assess)
app.command(cls=FileCommand)(suitability)
app.add_typer(events.app, name="events")
app.add_typer(topics.app, name="topics")
for point in sorted(entry_points(group="dataplatform.commands"), key=lambda found: found.name):
    app.add_typer(point.load(), name=point.name)


@app.callback()
def begin() -> None:
    """Keep the libraries' logs apart from what is printed."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
