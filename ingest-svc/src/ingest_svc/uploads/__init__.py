"""Uploads over HTTP: who may, the body's way into the object store, what is answered, and the sweep behind it."""
