"""What a file is, by its content alone: its format, its encoding, what it is packed in. Nothing here reads tables."""
