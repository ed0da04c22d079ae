"""Who did what: one entry for each write, kept in a table that nothing changes. Reading and exporting it, too."""
