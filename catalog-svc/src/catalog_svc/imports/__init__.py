"""Descriptions from elsewhere: a document of DCAT or a `datapackage.json` becomes datasets of an institution.

`rdf` and `packages` read strangers' documents within limits, `services` writes what they say. Nothing is ever fetched.
"""
