"""Suspicious cells: detectors, one file each, and how their votes become one confidence."""
