"""The events of the platform: their types by topic, their envelope on Kafka, their generated documents.

Nothing here touches a database or a broker: `dataplatform.log` stores, relays and applies events.
"""
