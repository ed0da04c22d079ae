"""What an archive holds: its members, what their names say, and parts of one table among them.

Nothing here knows the formats inside; the handler `archive` sends each member to its own.
"""
