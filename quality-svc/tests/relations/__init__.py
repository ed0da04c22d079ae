"""Tests of the facts about whole tables. A package so that their fixtures have a module name of their own."""
