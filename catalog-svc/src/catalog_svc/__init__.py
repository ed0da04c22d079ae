"""The catalog service: what there is, who may see it, and how to read it."""
