"""The command line of the platform: one file per group of commands."""
