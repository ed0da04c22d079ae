from django.db import migrations, models

# What was written stays: no update, no truncation, and no deletion within a year, whoever tries. Only somebody who may
# change the schema can take the guard away, and that is not the role that the service needs at run time.
_GUARD = """
CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.occurred_at < now() - interval '365 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_guard();
CREATE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard();
"""
_NO_GUARD = """
DROP TRIGGER audit_entries_not_truncated ON audit_entries;
DROP TRIGGER audit_entries_stay ON audit_entries;
DROP FUNCTION audit_guard();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("occurred_at", models.DateTimeField()),
                (
                    "by",
                    models.UUIDField(
                        null=True,
                        help_text="The account; none where the platform itself, or nobody known, did it",
                    ),
                ),
                ("action", models.CharField(max_length=64)),
                ("subject", models.CharField(max_length=32, help_text="What kind of thing it was done to")),
                ("subject_id", models.CharField(max_length=128)),
                ("institution", models.CharField(max_length=64, null=True)),
                ("outcome", models.CharField(max_length=8)),
                ("correlation_id", models.UUIDField()),
                ("details", models.JSONField()),
            ],
            options={
                "db_table": "audit_entries",
                "indexes": [
                    models.Index(fields=["institution", "-id"], name="audit_by_institution"),
                    models.Index(fields=["by", "-id"], name="audit_by_account"),
                    models.Index(fields=["subject_id", "-id"], name="audit_by_subject"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ("done", "refused"))), name="audit_entries_outcome"
                    )
                ],
            },
        ),
        migrations.RunSQL(_GUARD, _NO_GUARD),
    ]
