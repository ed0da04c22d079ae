from django.db import migrations, models

from catalog_svc.datasets.views_sql import CREATE_UPLOAD_STATES


class Migration(migrations.Migration):
    dependencies = [("datasets", "0005_examinations_and_alerts")]

    operations = [
        migrations.AddField(
            "dataset", "publication", models.CharField(max_length=32, default="automatic"), preserve_default=False
        ),
        migrations.AddField(
            "dataset", "contract", models.JSONField(null=True, help_text="Reference to the contract that holds")
        ),
        migrations.AddField("dataset", "contract_defined_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "assessment",
            "rules",
            models.JSONField(null=True, help_text="What became of the contract's rules, where one held"),
        ),
        # the text is that of the newest migration which runs it: what it replaces has the same columns
        migrations.RunSQL(CREATE_UPLOAD_STATES, migrations.RunSQL.noop),
    ]
