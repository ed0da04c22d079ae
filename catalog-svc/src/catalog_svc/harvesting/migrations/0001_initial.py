from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OncePublic",
            fields=[
                ("dataset_id", models.UUIDField(primary_key=True, serialize=False)),
                ("hidden_at", models.DateTimeField(help_text="When it was narrowed last")),
            ],
            options={"db_table": "once_public"},
        ),
    ]
