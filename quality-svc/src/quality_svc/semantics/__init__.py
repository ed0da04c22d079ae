"""What a column is about: recognized from its name, its type and a few hundred of its values, in many languages.

One file per kind, each with validators of single values that others use too (`is_email`, `is_iban`, ...), and
functions that look at a column. `recognizing` asks them all; `personal` says what is data about persons, `units` what
numbers count, `vocabulary` what columns are called. Values never leave: answers hold types, shares and codes only.
"""
