"""Encodings are found also where little tells them: tables of digits with a word or two beyond ASCII."""

# ruff: noqa: RUF001 - letters of many alphabets

import pytest

from dataplatform_formats.detection.text_encoding import detect_encoding

DIGITS = "".join(f"{number},{number * 7},2024-01-{number % 28 + 1:02}\n" for number in range(60))
FEW_WORDS = [
    ("de", "Straße,Größe\n", ("cp1252", "iso8859-15", "cp850", "mac-roman", "cp437")),
    ("fr", "Département,Année\n1,Forêt\n", ("cp1252", "cp850", "mac-roman")),
    ("es", "Año,Población,Cañada\n", ("cp1252", "cp850", "mac-roman")),
    ("sv", "Namn,Län\nJönköping,Örebro\n", ("cp1252", "cp850", "mac-roman")),
    ("pl", "Imię,Województwo\nŁódź,Śląskie\n", ("cp1250", "iso8859-2", "cp852")),
    ("cs", "Jméno,Příjmení\nPlzeň,Třebíč\n", ("cp1250", "iso8859-2", "cp852")),
    ("hu", "Név,Megye\nGyőr,Szűcs\n", ("cp1250", "iso8859-2", "cp852")),
    ("tr", "Ad,Şehir\nIğdır,Muğla\n", ("cp1254", "iso8859-9", "cp857")),
    ("lt", "Vardas,Šalis\nŠiauliai,Panevėžys\n", ("cp1257", "cp775")),
    ("ru", "Город,Область\nКазань,Тверь\n", ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic")),
    ("uk", "Місто,Київ\nЇжак,Львів\n", ("cp1251", "koi8-u", "iso8859-5")),
    ("el", "Όνομα,Πόλη\nΑθήνα,Πάτρα\n", ("cp1253", "iso8859-7", "cp737")),
    ("he", "שם,עיר\nירושלים,חיפה\n", ("cp1255", "iso8859-8", "cp862")),
    ("ar", "الاسم,المدينة\nالقاهرة,دمشق\n", ("cp1256", "iso8859-6")),
    ("th", "ชื่อ,จังหวัด\nกรุงเทพ,เชียงใหม่\n", ("cp874",)),
    ("ja", "名前,都市\n東京都,大阪市\n", ("cp932", "euc_jp", "iso2022_jp")),
    ("zh", "姓名,城市\n北京市,上海市\n", ("gb18030",)),
    ("zh-tw", "姓名,城市\n臺北市,高雄市\n", ("big5",)),
    ("ko", "이름,도시\n서울특별시,부산\n", ("euc_kr", "cp949")),
]  # fmt: skip
WIDE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize(
    ("words", "codec"),
    [
        pytest.param(words, codec, id=f"{name}-{codec}")
        for name, words, codecs in FEW_WORDS
        for codec in (*codecs, *WIDE)
    ],
)
def test_a_few_words_in_a_table_of_digits_tell_its_encoding(words: str, codec: str) -> None:
    text = words + DIGITS
    content = text.encode(codec)
    found = detect_encoding(content).encoding
    assert content.decode(found).lstrip("\ufeff") == text, found


def test_a_text_in_which_most_lines_are_utf8_is_utf8_line_by_line() -> None:
    mixed = "Größe,Köln\n".encode() * 5 + "Straße,Düsseldorf\n".encode("cp1252") * 4
    found = detect_encoding(mixed)
    assert found.encoding == "utf-8"
    assert found.confidence < 1


def test_the_surer_the_more_there_is_to_tell() -> None:
    short = detect_encoding("é\n".encode("cp1252"))
    long = detect_encoding("Département,Année,Forêt,Société,Québec,élève\n".encode("cp1252"))
    assert short.confidence < long.confidence <= 1


def test_empty_and_undecidable_bytes_have_an_encoding_all_the_same() -> None:
    assert detect_encoding(b"").encoding == "utf-8"
    assert bytes(range(128, 256)).decode(detect_encoding(bytes(range(128, 256))).encoding, "replace")
