"""Grids of cells become tables: a map of the sheet, its regions, their headers, totals and notes, typed columns."""
