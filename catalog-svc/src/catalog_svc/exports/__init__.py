"""Export jobs: rows of a table as a file, made by the worker and fetched by a signed link; for what takes long."""
