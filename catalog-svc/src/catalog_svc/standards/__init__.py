"""Datasets described as others read them: Croissant, DCAT-AP, schema.org, Frictionless, CSVW. One file per standard.

Each turns a `Description` into its document and knows no database and no request; `api` serves them.
"""
