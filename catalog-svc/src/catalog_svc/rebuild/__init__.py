"""The catalog made again from Kafka alone, beside the live one: to compare the two, or to replace what differs.

`replay` reads and applies, `shadow` has the schema it is applied in, `steps` the order of it all. No policy runs here.
"""
