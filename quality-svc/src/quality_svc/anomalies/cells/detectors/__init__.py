"""The detectors of suspicious cells, one kind of error a file."""
