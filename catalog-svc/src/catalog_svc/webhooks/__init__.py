"""Webhooks: endpoints of institutions, to which events are posted, signed as Standard Webhooks 1.0 defines."""
