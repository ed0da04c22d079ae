import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0009_published_by_hand")]

    operations = [
        migrations.AddIndex("dataset", models.Index(fields=["title", "dataset_id"], name="datasets_by_title")),
        migrations.AddIndex(
            "dataset", models.Index(fields=["registered_at", "dataset_id"], name="datasets_by_registration")
        ),
        migrations.CreateModel(
            name="ListedDataset",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        db_column="dataset_id",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="datasets.searchdocument",
                    ),
                ),
                ("slug", models.CharField(max_length=64)),
                ("title", models.CharField(max_length=255)),
                ("description", models.TextField()),
                ("licence", models.CharField(max_length=100, null=True)),
                ("tags", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("publication", models.CharField(max_length=32)),
                ("registered_at", models.DateTimeField()),
                ("revised_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "datasets", "managed": False},
        ),
    ]
