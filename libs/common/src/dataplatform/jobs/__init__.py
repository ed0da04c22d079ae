"""Jobs: long work outside the consumers, leased by workers, run in killable subprocesses.

The rules of the lease table are SQL functions in `dataplatform/log/migrations/0002.jobs.sql`.
"""
