"""The ingest service: uploads in, originals kept, events out."""

__version__ = "0.1.0"
