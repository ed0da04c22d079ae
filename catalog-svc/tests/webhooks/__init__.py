"""Tests of webhooks. A package so that their fixtures have a module name of their own."""
