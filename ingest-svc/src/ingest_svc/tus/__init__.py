"""Resumable uploads: the tus protocol 1.0.0 over multipart uploads of the object store, with their state in PostgreSQL.

Here: the protocol's headers, the state of an upload under way, its one writer, its parts, and its end. What becomes of
a file that is stored whole is decided where every upload's fate is: `uploads.reception` and `commands`.
"""
