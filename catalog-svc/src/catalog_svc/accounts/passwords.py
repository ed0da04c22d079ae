"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Hasher(Argon2PasswordHasher):
    """Argon2id, 19 MiB, two passes, one lane (OWASP password storage cheat sheet, second set)."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
