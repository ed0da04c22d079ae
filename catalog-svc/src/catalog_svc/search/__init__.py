"""Finding: words, facets, counts, columns that join. The documents are made in `projections.search`."""
