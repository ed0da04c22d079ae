import codecs
import io
import random
import struct
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from dataplatform_formats.detection import Detection, Observation, UnacceptableError, detect
from dataplatform_formats.detection.observation import HEAD_BYTES
from dataplatform_formats.detection.outcome import REASONS

CORPUS = Path(__file__).parents[5] / "shared" / "corpus"


def observe(content: bytes, chunk_bytes: int = 65536) -> Observation:
    observation = Observation()
    for start in range(0, len(content), chunk_bytes):
        observation.feed(content[start : start + chunk_bytes])
    observation.finish()
    return observation


def found(content: bytes, chunk_bytes: int = 65536) -> Detection:
    return detect(observe(content, chunk_bytes), io.BytesIO(content))


def refused(content: bytes) -> str:
    with pytest.raises(UnacceptableError) as caught:
        found(content)
    assert caught.value.code in REASONS
    assert caught.value.detail
    return caught.value.code


def parquet(rows: int = 10) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(rows))}), sink)
    return sink.getvalue()


def workbook() -> bytes:
    sink = io.BytesIO()
    book = openpyxl.Workbook()
    book.create_sheet("second")["A1"] = 1
    book.save(sink)
    return sink.getvalue()


def archive(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as target:
        for name, content in members.items():
            target.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return sink.getvalue()


def pdf() -> bytes:
    sink = io.BytesIO()
    canvas = Canvas(sink)
    canvas.drawString(100, 700, "a table")
    canvas.save()
    return sink.getvalue()


def ole(*names: str) -> bytes:
    """Make a compound file of one allocation sector and one directory chain that holds `names`."""
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2) + b"\x02" + bytes(61)
        for name in ("Root Entry", *names)
    )
    sectors = -(-len(entries) // 512)
    chain = [0xFFFFFFFD, *range(2, sectors + 1), 0xFFFFFFFE]
    table = struct.pack("<128I", *chain, *[0xFFFFFFFF] * (128 - len(chain)))
    header = bytearray(512)
    header[:8] = bytes.fromhex("d0cf11e0a1b11ae1")
    header[30:32] = struct.pack("<H", 9)
    header[48:52] = struct.pack("<I", 1)
    header[76:512] = struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    return bytes(header) + table + entries.ljust(512 * sectors, b"\0")


class TestContainers:
    def test_parquet(self) -> None:
        assert found(parquet()) == Detection("parquet")

    def test_a_workbook(self) -> None:
        assert found(workbook()) == Detection("xlsx")

    def test_pdf(self) -> None:
        assert found(pdf()) == Detection("pdf")

    def test_pdf_behind_a_preamble(self) -> None:
        assert found(b"\r\n" * 100 + pdf()).format == "pdf"

    def test_an_old_workbook(self) -> None:
        assert found(ole("Workbook")).format == "xls"

    def test_a_directory_over_several_sectors_is_followed(self) -> None:
        assert found(ole(*(f"stream {number}" for number in range(30)), "Book")).format == "xls"

    def test_the_name_of_a_file_plays_no_part_but_its_content_types_do(self) -> None:
        types = b'<Override ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
        assert found(archive(**{"[Content_Types]_dot_xml": types, "odd__place_dot_bin": b""})).format == "xlsb"

    def test_media_types_are_known_for_every_format(self) -> None:
        assert found(workbook()).media_type.endswith("spreadsheetml.sheet")


class TestRefusals:
    def test_an_empty_file(self) -> None:
        assert refused(b"") == "empty_file"

    def test_only_a_byte_order_mark(self) -> None:
        assert refused(codecs.BOM_UTF8) == "empty_file"
        assert refused(codecs.BOM_UTF16_LE) == "empty_file"

    @pytest.mark.parametrize("kept", [4, 8, 11, 100, -1])
    def test_a_truncated_parquet(self, kept: int) -> None:
        assert refused(parquet()[:kept]) == "truncated_parquet"

    def test_a_parquet_whose_footer_is_longer_than_the_file(self) -> None:
        whole = parquet(1000)
        assert refused(whole[:4] + whole[-100:]) == "truncated_parquet"

    def test_an_encrypted_parquet(self) -> None:
        assert refused(b"PARE" + parquet()[4:-4] + b"PARE") == "encrypted_parquet"

    def test_a_workbook_with_a_password(self) -> None:
        assert refused(ole("EncryptionInfo", "EncryptedPackage")) == "encrypted_workbook"

    def test_a_truncated_workbook(self) -> None:
        assert refused(workbook()[:-200]) == "damaged_archive"

    def test_a_truncated_old_workbook(self) -> None:
        assert refused(ole("Workbook")[:600]) == "damaged_document"

    def test_an_endless_directory_chain_ends(self) -> None:
        content = bytearray(ole("stream"))
        content[512 + 4 : 512 + 8] = struct.pack("<I", 1)
        assert refused(bytes(content)) == "unsupported_format"

    def test_other_documents(self) -> None:
        assert refused(ole("WordDocument")) == "unsupported_format"
        assert (
            refused(archive(**{"[Content_Types]_dot_xml": b"", "word__document_dot_xml": b""})) == "unsupported_format"
        )
        mimetype = b"application/vnd.oasis.opendocument.text"
        assert refused(archive(mimetype=mimetype, content_dot_xml=b"")) == "unsupported_format"

    @pytest.mark.parametrize(
        "content",
        [
            b"\x89PNG\r\n\x1a\n" + bytes(50),
            b'{"a": [1, 2]}',
            b'[\n  {"a": 1}\n]',
            b'<?xml version="1.0"?><rows/>',
            b"<!DOCTYPE html><html><body>404</body></html>",
            codecs.BOM_UTF8 + b"  <html></html>",
            "<html>да</html>".encode("utf-16"),
        ],
    )
    def test_known_kinds_that_are_not_read_here(self, content: bytes) -> None:
        assert refused(content) == "unsupported_format"

    @pytest.mark.parametrize("size", [1, 100, 5000, 200_000])
    def test_random_bytes(self, size: int) -> None:
        content = b"\x00\x01" + random.Random(size).randbytes(size)
        assert refused(content) == "unknown_format"

    def test_a_text_with_more_than_a_few_nuls(self) -> None:
        assert refused(b"a,b\n" * 100 + b"\0\0\0\0" * 50 + b"1,2\n") == "unknown_format"

    def test_binary_without_any_nul(self) -> None:
        content = random.Random(1).randbytes(4000).replace(b"\0", b"\1")
        assert refused(content) == "unknown_format"


# The letters are Cyrillic on purpose.
RUSSIAN = "Имя;Город;Численность\n" + "Мария;Нижний Новгород;12\nЮлия;Казань;7\n" * 40
JAPANESE = "名前,都市,人口\n" + "太郎,東京,12\n花子,大阪市の中心,7\n" * 40
GERMAN = "Name;Straße;Preis\n" + "Müller;Königsallee 4;10 €\nJosé;Málaga;7 €\n" * 40
POLISH = "Imię;Miasto;Liczba\n" + "Łukasz;Gdańsk;12\nŻaneta;Łódź;7\n" * 40
TURKISH = "Ad;Şehir;Sayı\n" + "Işık;İstanbul;12\nÇağlar;Muğla;7\n" * 40  # noqa: RUF001
CHINESE = "姓名,城市,人口\n" + "张三,北京,12\n李四,上海市,7\n" * 40
KOREAN = "이름,도시,인구\n" + "김철수,서울,12\n이영희,부산,7\n" * 40


class TestText:
    def test_plain_csv(self) -> None:
        assert found(b"a,b\n1,2\n") == Detection("csv", "utf-8")

    @pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 65536])
    def test_utf8_however_it_is_cut(self, chunk_bytes: int) -> None:
        assert found((RUSSIAN + JAPANESE).encode(), chunk_bytes) == Detection("csv", "utf-8")

    @pytest.mark.parametrize(
        ("text", "codec", "encoding"),
        [
            (GERMAN, "utf-8-sig", "utf-8"),
            (RUSSIAN, "utf-16", "utf-16"),
            (GERMAN, "utf-16-le", "utf-16le"),
            (RUSSIAN, "utf-16-be", "utf-16be"),
            (JAPANESE, "utf-16-le", "utf-16le"),
            (GERMAN, "utf-32", "utf-32"),
        ],
    )
    def test_unicode_with_and_without_a_mark(self, text: str, codec: str, encoding: str) -> None:
        assert found(text.encode(codec)) == Detection("csv", encoding)

    @pytest.mark.parametrize(
        ("text", "codec"),
        [
            (RUSSIAN, "cp1251"),
            (RUSSIAN, "koi8-r"),
            (RUSSIAN, "cp866"),
            (JAPANESE, "shift_jis"),
            (JAPANESE, "euc_jp"),
            (GERMAN, "cp1252"),
            (POLISH, "cp1250"),
            (TURKISH, "cp1254"),
            (CHINESE, "gb18030"),
            (KOREAN, "euc_kr"),
        ],
    )
    @pytest.mark.parametrize("ascii_rows", [0, 50_000])
    def test_legacy_encodings_give_the_text_back(self, text: str, codec: str, ascii_rows: int) -> None:
        content = b"1;2;3\n" * ascii_rows + text.encode(codec)
        detection = found(content)
        assert detection.encoding is not None
        assert content.decode(detection.encoding) == content.decode(codec)
        assert detection.confidence < 1

    def test_one_accident_in_a_long_text_does_not_change_its_encoding(self) -> None:
        detection = found(RUSSIAN.encode() * 10 + b"\xff\n")
        assert (detection.encoding, detection.confidence) == ("utf-8", 0.8)

    def test_a_character_cut_off_at_the_very_end_is_an_accident(self) -> None:
        assert found(RUSSIAN.encode() * 10 + "é".encode()[:1]).confidence == 0.8

    def test_utf16_that_ends_in_half_a_character(self) -> None:
        assert refused(GERMAN.encode("utf-16") + b"\n") == "damaged_text"

    def test_a_bracket_does_not_make_json(self) -> None:
        assert found(b"[id],[name]\n1,2\n").format == "csv"
        assert found(b"{a},b\n1,2\n").format == "csv"

    def test_separators_among_control_characters(self) -> None:
        assert found(b"a\x01b\x1fc\n" * 100).format == "csv"

    def test_nothing_grows_with_the_file(self) -> None:
        observation = observe(GERMAN.encode("cp1252") * 2000)
        assert observation.text is not None
        assert len(observation.head) == HEAD_BYTES
        assert len(observation.text.sample) < 3 * 64 * 1024


@given(st.binary(max_size=300) | st.sampled_from([parquet(), workbook(), pdf(), ole("Book")]), st.data())
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_detection_or_a_documented_reason(content: bytes, data: st.DataObject) -> None:
    position, removed = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 50))
    changed = content[:position] + data.draw(st.binary(max_size=8)) + content[position + removed :]
    outcome: Detection | str
    try:
        outcome = found(changed)
    except UnacceptableError as refusal:
        outcome = refusal.code
    assert isinstance(outcome, Detection) or outcome in REASONS


EXPECTED_OTHERWISE = {
    "too_small.xls": "csv",
    "xlsx-corrupted.xlsx": "xlsx",
    "crash-9bf3cd4bd6f50a8a9339d363c2c7af14b536865c.xlsx": "encrypted_workbook",
    "clusterfuzz-testcase-minimized-XLSX2CSVFuzzer-5542865479270400.xlsx": "damaged_archive",
    "clusterfuzz-testcase-minimized-POIXSSFFuzzer-5185049589579776.xlsx": "damaged_archive",
    "protected_passtika.xlsx": "encrypted_workbook",
    "pass_protected.xlsb": "encrypted_workbook",
    "pass_protected.xlsx": "encrypted_workbook",
    "pass_protected.ods": "encrypted_workbook",
}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of foreign files is not at ../shared/corpus")
def test_foreign_files_are_what_their_makers_called_them() -> None:
    wrong = {}
    for path in sorted(path for path in CORPUS.rglob("*.*") if path.suffix not in (".md", ".json") and path.is_file()):
        expected = EXPECTED_OTHERWISE.get(path.name, path.suffix[1:])
        try:
            outcome: str = found(path.read_bytes()).format
        except UnacceptableError as refusal:
            outcome = refusal.code
        if outcome != expected:
            wrong[path.name] = outcome
    assert wrong == {}
