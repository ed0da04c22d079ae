"""Tests of suitability. A package so that their fixtures have a module name of their own."""
