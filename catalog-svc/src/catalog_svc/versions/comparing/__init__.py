"""What differs between two versions of a dataset: tables and columns, profiles, rows.

`schema` and `profiles` are pure; `rows` says it in SQL, which DuckDB runs over the Parquet of both within its limits of
memory, spilling to disk; `api` puts it together.
"""
