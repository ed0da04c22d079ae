"""The library every service stands on: events, event store, relay, inbox, jobs, object store, identity, telemetry.

It knows no single service; what only one service needs lives in that service.
"""
