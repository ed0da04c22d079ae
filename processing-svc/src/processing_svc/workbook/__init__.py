"""Readers of workbooks, one for each format: sheets become blocks of cells, whatever the file; no table is judged."""
