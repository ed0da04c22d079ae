"""What became of a dataset over time: its events, its past, what differs between versions, and how a version goes.

`eventlog` has every event of the log by dataset (webhooks redeliver from it), `asof` and `history` what was served at a
moment, `comparing` what differs between two versions, `lineage` what a version was made from. `services` withdraws,
restores and erases; `erasing` carries an erasure out.
"""
