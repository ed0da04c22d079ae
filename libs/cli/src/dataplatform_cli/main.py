"""The command `dataplatform`. A service adds a group by an entry point in the group `dataplatform.commands`."""

from importlib.metadata import entry_points

import typer

from dataplatform_cli import events, topics

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Operate the Data Platform.")
app.add_typer(events.app, name="events")
app.add_typer(topics.app, name="topics")
for point in sorted(entry_points(group="dataplatform.commands"), key=lambda found: found.name):
    app.add_typer(point.load(), name=point.name)
