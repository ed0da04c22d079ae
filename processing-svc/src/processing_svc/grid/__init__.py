"""Grids of cells that have types of their own (sheets) become tables: header, columns, batches."""
