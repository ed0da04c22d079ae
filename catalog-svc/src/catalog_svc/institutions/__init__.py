"""Institutions, and which account has which role in them."""
