"""The quality service: tables in, profiles and scores out."""
