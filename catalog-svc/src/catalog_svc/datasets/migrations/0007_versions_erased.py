from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0006_contracts")]

    operations = [
        migrations.AddField("version", "erased_at", models.DateTimeField(null=True)),
        migrations.AddField("version", "erased_reason", models.CharField(max_length=64, null=True)),
    ]
