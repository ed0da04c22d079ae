"""The processing service: originals in, standardized tables out."""
