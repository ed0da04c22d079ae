from django.db import migrations, models

from catalog_svc.datasets.views_sql import CREATE_UPLOAD_STATES


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_run_report")]

    operations = [
        migrations.AddField("upload", "stalled_run", models.UUIDField(null=True)),
        migrations.AddField("upload", "stalled_stage", models.CharField(max_length=16, null=True)),
        migrations.AddField("upload", "stalled_reason", models.CharField(max_length=64, null=True)),
        migrations.AddField("upload", "stalled_at", models.DateTimeField(null=True)),
        # the text is that of the newest migration which runs it: what it replaces has the same columns
        migrations.RunSQL(CREATE_UPLOAD_STATES, migrations.RunSQL.noop),
    ]
