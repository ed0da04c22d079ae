"""Alerts: something changed that someone should look at. Raised, acknowledged, resolved; at most one open of a kind.

`domain` decides, `commands` appends within the caller's transaction. What is alarming is said elsewhere (`drift`). An
alert is a stream of its own: raised again it is the same alert, so nobody is told twice of what is still so.
"""
