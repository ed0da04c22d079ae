"""Finds the handler of a format among the entry points `dataplatform.handlers`; imports only the one asked for."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from processing_svc.handlers.interface import Handler, HandlerError

GROUP = "dataplatform.handlers"


def handler_for(file_format: str) -> Handler:
    """Return the handler registered for a format; raises `HandlerError` `unsupported_format`."""
    for point in _points():
        if file_format in point.name.split("-"):
            handler: Handler = point.load()()
            return handler
    raise HandlerError("unsupported_format", f"no handler reads the format {file_format!r}")


def module_of(file_format: str) -> str | None:
    """Return the name of the module of the handler of a format, without importing it; None where there is none."""
    return next((point.module for point in _points() if file_format in point.name.split("-")), None)


def formats() -> tuple[str, ...]:
    """Return every format that some handler reads."""
    return tuple(sorted(name for point in _points() for name in point.name.split("-")))


@cache  # reading the metadata of every installed package takes longer than parsing a small file
def _points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: point.name))
