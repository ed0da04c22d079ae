"""What is inside a workbook file before any reader allocates memory for it: parts, sizes, real extents of sheets."""
