"""Reading text: encodings, dialects, repairs, and typed columns made of text. No format handler lives here."""
