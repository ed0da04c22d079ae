"""Datasets, their versions and tables, the uploads they come from, and the search over them."""
