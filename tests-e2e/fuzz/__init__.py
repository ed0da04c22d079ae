"""Seeded fuzzing of every format: `make fuzz`."""
