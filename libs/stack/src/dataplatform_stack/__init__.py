"""The embedded Kafka, PostgreSQL, S3 and load balancer, for people, tests and benchmarks alike."""
