from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0007_versions_erased")]

    operations = [
        # documents with an empty recipe are made again when the projector starts
        migrations.AddField(
            "searchdocument",
            "marks",
            ArrayField(
                models.TextField(),
                default=list,
                help_text="What it is counted and chosen by: `facet=value`, `~level`",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "prior",
            models.FloatField(
                default=1.0, help_text="What its rank is multiplied with: a little more where newer and better"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "searchdocument",
            "recipe",
            models.CharField(
                max_length=16, default="", help_text="A hash of how it was made: made again where that changes"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "assessment",
            "columns",
            models.JSONField(default=list, help_text="What columns hold, as far as the event says"),
        ),
        migrations.RemoveIndex("searchdocument", "search_documents_words"),
        migrations.AddIndex(
            "searchdocument", GinIndex(fields=["words", "marks"], name="search_documents_found", fastupdate=False)
        ),
        migrations.AddIndex(
            "searchdocument", models.Index(fields=["-prior", "-dataset_id"], name="search_documents_prior")
        ),
        # documents are read by the thousand: they stay beside their row, uncompressed, unless they are very long
        migrations.RunSQL(
            """
            ALTER TABLE search_documents SET (toast_tuple_target = 8160);
            ALTER TABLE search_documents ALTER COLUMN words SET STATISTICS 500;
            """,
            migrations.RunSQL.noop,
        ),
    ]
