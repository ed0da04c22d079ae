"""Who is asking: principals, and the offline verification of the tokens that name them. Issuing is the catalog's."""

from dataplatform.identity.principal import ROLES, Principal
from dataplatform.identity.tokens import AUDIENCE, IdentityUnavailableError, InvalidTokenError, TokenVerifier

__all__ = ["AUDIENCE", "ROLES", "IdentityUnavailableError", "InvalidTokenError", "Principal", "TokenVerifier"]
