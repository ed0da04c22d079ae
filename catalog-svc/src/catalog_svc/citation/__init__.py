"""How a dataset is cited: a line for people, BibTeX, RIS, CSL-JSON, and the metadata that a DOI is registered with."""
