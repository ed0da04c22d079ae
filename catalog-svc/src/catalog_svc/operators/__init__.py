"""The site of the platform's operators at /admin: Django's admin, with our own page of signing in and our audit log."""
