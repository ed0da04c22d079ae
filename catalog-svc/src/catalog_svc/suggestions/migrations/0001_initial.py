from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("suggestion_id", models.UUIDField(primary_key=True, serialize=False)),
                ("dataset_id", models.UUIDField(db_index=True)),
                ("state", models.CharField(max_length=8)),
                ("decided_by", models.UUIDField()),
                ("decided_at", models.DateTimeField()),
            ],
            options={"db_table": "suggestion_decisions"},
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("accepted", "refused"))), name="suggestion_state"
            ),
        ),
    ]
