from django.db import migrations

from catalog_svc.datasets.views_sql import CREATE_UPLOAD_STATES


class Migration(migrations.Migration):
    dependencies = [("datasets", "0008_search")]

    operations = [migrations.RunSQL(CREATE_UPLOAD_STATES, migrations.RunSQL.noop)]
