"""The ingest service: uploads in, originals kept, events out."""
