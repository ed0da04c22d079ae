from django.db import migrations

from catalog_svc.datasets.views_sql import CREATE_UPLOAD_STATES, DROP_UPLOAD_STATES


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial")]

    operations = [migrations.RunSQL(CREATE_UPLOAD_STATES, DROP_UPLOAD_STATES)]
