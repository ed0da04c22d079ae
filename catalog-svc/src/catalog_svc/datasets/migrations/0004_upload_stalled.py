from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_run_report")]

    operations = [
        migrations.AddField("upload", "stalled_run", models.UUIDField(null=True)),
        migrations.AddField("upload", "stalled_stage", models.CharField(max_length=16, null=True)),
        migrations.AddField("upload", "stalled_reason", models.CharField(max_length=64, null=True)),
        migrations.AddField("upload", "stalled_at", models.DateTimeField(null=True)),
    ]
