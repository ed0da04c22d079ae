"""Unusual rows: an ensemble of outlier detectors over encoded columns, and what makes a row unusual."""
