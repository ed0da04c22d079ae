"""Versions that were said to be held. Those held already are told when a projector starts."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table."""

    dependencies: ClassVar = [("stewardship", "0001_initial")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("version_id", models.UUIDField(primary_key=True, serialize=False)),
                ("dataset_id", models.UUIDField()),
                ("upload_id", models.UUIDField()),
                ("reason_code", models.CharField(max_length=64)),
                ("held_at", models.DateTimeField()),
            ],
            options={
                "db_table": "version_holds",
            },
        ),
    ]
