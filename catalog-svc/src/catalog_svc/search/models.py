"""The words that documents have: for prefixes and forgiven typos. No projection: more words than there are do no harm.

A word is shown or searched for only where a document that the caller may see has it, so this table says nothing itself.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func


class SearchWord(models.Model):
    """A word of some document, and hashes of what is left of it where one or two letters are taken out."""

    word = models.CharField(primary_key=True, max_length=40)
    deletions = models.GeneratedField(
        expression=Func(F("word"), function="search_deletions"),
        output_field=ArrayField(models.IntegerField()),
        db_persist=True,
    )

    objects: ClassVar[models.Manager["SearchWord"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "search_words"
        indexes: ClassVar = [
            GinIndex(fields=["deletions"], name="search_words_deletions", fastupdate=False),
        ]

    def __str__(self) -> str:
        """Return the word."""
        return self.word
