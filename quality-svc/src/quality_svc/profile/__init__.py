"""Profiles: what every column of every table holds, measured in one bounded DuckDB pass over its Parquet parts.

`plan` decides (groups of columns, samples), `expressions` says it in SQL, `table` runs it, `document` is the shape of
the result and `writing` puts it on disk. Judging is not done here: see `quality_svc.checks`.
"""
