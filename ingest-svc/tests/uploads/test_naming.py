import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_svc.uploads.naming import InvalidFileNameError, file_name_of


def _as_sent(value: str) -> str:
    """Return the header as an HTTP library hands it over: its bytes decoded as ISO-8859-1."""
    return value.encode().decode("iso-8859-1")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, "unnamed"),
        ("", "unnamed"),
        ("attachment", "unnamed"),
        ("attachment; filename=plain.csv", "plain.csv"),
        ('attachment; filename="two words.csv"', "two words.csv"),
        ('ATTACHMENT; FileName="upper.csv"', "upper.csv"),
        (r'attachment; filename="a \"quoted\" name.csv"', 'a "quoted" name.csv'),
        ('attachment; filename="semi;colon.csv"; size=3', "semi;colon.csv"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20r%C3%A9sum%C3%A9.csv", "naïve résumé.csv"),
        ("attachment; filename=\"plain.csv\"; filename*=UTF-8'de'%C3%9Cbersicht.csv", "Übersicht.csv"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates.csv", "£ rates.csv"),
        (_as_sent('attachment; filename="таблица.xlsx"'), "таблица.xlsx"),
        ('attachment; filename="caf\xe9.csv"', "café.csv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\\Users\\ada\\data.csv"', "data.csv"),
        ('attachment; filename="a.csv";', "a.csv"),
        ("inline;filename=a.csv", "a.csv"),
    ],
)
def test_the_name_is_read_as_its_sender_meant_it(header: str | None, name: str) -> None:
    assert file_name_of(header) == name


@pytest.mark.parametrize(
    "header",
    [
        'attachment; filename="never closed',
        "attachment; filename*=UTF-8''%FF%FE",
        "attachment; filename*=unknown''x",
        "attachment; filename*=plain.csv",
        'attachment; filename=""',
        'attachment; filename=".."',
        'attachment; filename="folder/"',
        'attachment; filename="a\x07b"',
        'attachment; filename="' + "x" * 256 + '"',
        'attachment; filename="' + "x" * 100_000 + '"',
        "; filename=a.csv",
    ],
)
def test_a_name_that_cannot_be_used_is_refused(header: str) -> None:
    with pytest.raises(InvalidFileNameError):
        file_name_of(header)


@given(st.text(st.characters(max_codepoint=255), max_size=80) | st.from_regex(r"attachment; filename\*?=.*"))
def test_any_header_gives_a_presentable_name_or_a_refusal(header: str) -> None:
    try:
        name = file_name_of(header)
    except InvalidFileNameError:
        return
    assert 1 <= len(name) <= 255
    assert name.isprintable()
    assert "/" not in name
