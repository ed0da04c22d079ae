"""Rules that quality-svc suggests for a dataset: a steward accepts one into the contract, or refuses it for good.

The suggestions stand in the examination of a version; here is what became of them, and how they get into the contract.
"""
