"""`python -m dataplatform_cli`: the same as the command `dataplatform`."""

from dataplatform_cli.main import app

app()
