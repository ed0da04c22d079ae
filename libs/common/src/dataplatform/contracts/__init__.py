"""Documents of the Open Data Contract Standard (ODCS) 3.x: read safely, validated by its JSON Schema, written whole.

`text` turns bytes into plain JSON types within limits, `document` is the contract. Whether a table keeps a contract is
the quality service's to say.
"""

from dataplatform.contracts.document import Contract, InvalidContractError, contract_of, read_contract

__all__ = ["Contract", "InvalidContractError", "contract_of", "read_contract"]
