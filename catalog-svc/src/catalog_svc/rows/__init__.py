"""Bytes and rows: the first rows of a table, downloads of originals and tables. Runs in the `data` role."""
