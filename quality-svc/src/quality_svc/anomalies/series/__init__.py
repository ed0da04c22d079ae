"""Unusual stretches of measures over time."""
