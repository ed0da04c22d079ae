"""Format handlers: one module per format behind one small interface, found by entry point.

Nothing here knows Kafka, PostgreSQL or object storage: a handler reads a local file and yields tables.
"""
