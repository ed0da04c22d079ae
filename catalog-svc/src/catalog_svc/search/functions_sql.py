"""SQL functions of the search, as migrations make them: folding of letters, and deletions of a word."""

from typing import Final

CREATE_FOLD: Final = r"""
CREATE OR REPLACE FUNCTION search_fold(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN normalize(regexp_replace(replace(normalize(lower(given), NFKD), 'ß', 'ss'), '[\u0300-\u036F]', '', 'g'), NFC)
"""
"""Lower case without accents: what people type on another keyboard finds the word all the same."""

# Symmetric deletion: two words are within n edits only if taking up to n letters out of both can give the same. Beyond
# the first seven letters it need not be looked at (SymSpell), so a word has 29 of them at most. Words of six letters or
# more have those of two letters too: that is where two mistakes are forgiven.
CREATE_DELETIONS: Final = """
CREATE OR REPLACE FUNCTION search_deletions(word text) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN (
    SELECT array_agg(DISTINCT hashtext(left_over))
    FROM (SELECT left(word, 7) AS p) AS start,
    LATERAL (
        SELECT p
        UNION ALL
        SELECT overlay(p PLACING '' FROM i FOR 1) FROM generate_series(1, length(p)) AS i
        UNION ALL
        SELECT overlay(overlay(p PLACING '' FROM i FOR 1) PLACING '' FROM j FOR 1)
        FROM generate_series(1, length(p)) AS i, generate_series(1, length(p) - 1) AS j
        WHERE length(word) >= 6 AND j >= i
    ) AS every (left_over)
)
"""

DROP: Final = "DROP FUNCTION IF EXISTS search_deletions; DROP FUNCTION IF EXISTS search_fold"
