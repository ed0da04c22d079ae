"""Accounts: people and services that sign in, the keys that sign their tokens, and how often someone may try."""
