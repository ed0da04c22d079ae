"""Sign-in by OpenID Connect: which providers there are, the conversation with them, and whose account somebody gets."""
