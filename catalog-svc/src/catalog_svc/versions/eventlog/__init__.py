"""Every event of the log, by the dataset it is about: written with the projections, rebuilt with them, read by REST.

`catalog_svc.versions.eventlog.selectors` is what other parts use, webhooks among them: `event`, `events_of` and
`cloudevent`. Rows are kept for ever, as the log is; an event holds neither cell values nor personal data.
"""
