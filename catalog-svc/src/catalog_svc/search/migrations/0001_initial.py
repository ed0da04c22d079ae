from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models import F, Func

from catalog_svc.search.functions_sql import CREATE_DELETIONS, CREATE_FOLD, DROP


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.RunSQL([CREATE_FOLD, CREATE_DELETIONS], DROP),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                ("word", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "deletions",
                    models.GeneratedField(
                        expression=Func(F("word"), function="search_deletions"),
                        output_field=ArrayField(models.IntegerField()),
                        db_persist=True,
                    ),
                ),
            ],
            options={
                "db_table": "search_words",
                "indexes": [
                    GinIndex(fields=["deletions"], name="search_words_deletions", fastupdate=False),
                ],
            },
        ),
    ]
