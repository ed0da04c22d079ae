"""The embedded stack: real Kafka, PostgreSQL, S3 and a load balancer on loopback, with no Docker.

Lives here: the servers (`services`), what tests need of them (`testing`), and the runner behind `make up`
(`running`). Does not live here: anything that a service does with those servers; `dataplatform` never imports this.
"""
