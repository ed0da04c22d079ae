"""The log: events are stored, relayed to Kafka, received through the inbox, redriven and replayed here.

The rules live once, as SQL functions in `migrations/`; `store` and `inbox` are their asyncpg client, `cursor` their
DB-API client. What the events mean is for `dataplatform.events` and the services.
"""
