"""Kafka in KRaft mode, one node: its jars, its Java, its configuration."""

from dataplatform_stack.services.kafka.broker import Kafka

__all__ = ["Kafka"]
