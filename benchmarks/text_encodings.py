"""How often the encoding of a text is found: made-up tables and prose in many languages, every encoding they come in.

A detection is right when the decoded text is the same. The words are Faker's, which detection was not made from. Prints
one line per encoding, and the share of all, for our detector and for chardet and charset-normalizer alone.
"""

import argparse
import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time

import chardet
import charset_normalizer
from faker import Faker

from dataplatform_formats.detection.text_encoding import detect_encoding

WESTERN = ("cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp850", "cp437")
CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
BALTIC = ("cp1257", "iso8859-13", "iso8859-4", "cp775")
RUSSIAN = ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic")
LANGUAGES = {
    "de_DE": WESTERN,
    "fr_FR": WESTERN,
    "es_ES": WESTERN,
    "it_IT": WESTERN,
    "pt_PT": WESTERN,
    "pt_BR": WESTERN,
    "nl_NL": WESTERN,
    "sv_SE": WESTERN,
    "da_DK": WESTERN,
    "no_NO": WESTERN,
    "fi_FI": WESTERN,
    "is_IS": ("cp1252", "cp861"),
    "pl_PL": CENTRAL,
    "cs_CZ": CENTRAL,
    "sk_SK": CENTRAL,
    "hu_HU": CENTRAL,
    "ro_RO": ("cp1250", "iso8859-2", "iso8859-16"),
    "hr_HR": CENTRAL,
    "sl_SI": CENTRAL,
    "lt_LT": BALTIC,
    "lv_LV": BALTIC,
    "et_EE": ("cp1257", "iso8859-15", "cp775"),
    "ru_RU": RUSSIAN,
    "bg_BG": ("cp1251", "iso8859-5", "cp855", "cp866"),
    "uk_UA": ("cp1251", "koi8-u", "iso8859-5", "cp1125"),
    "el_GR": ("cp1253", "iso8859-7", "cp737", "cp869", "mac-greek"),
    "tr_TR": ("cp1254", "iso8859-9", "cp857", "mac-turkish"),
    "he_IL": ("cp1255", "iso8859-8", "cp862"),
    "ar_AA": ("cp1256", "iso8859-6", "cp720"),
    "fa_IR": ("cp1256",),
    "th_TH": ("cp874", "tis-620"),
    "vi_VN": ("cp1258",),
    "ja_JP": ("shift_jis", "cp932", "euc_jp", "iso2022_jp"),
    "zh_CN": ("gb2312", "gbk", "gb18030"),
    "zh_TW": ("big5", "cp950", "big5hkscs"),
    "ko_KR": ("euc_kr", "cp949", "johab", "iso2022_kr"),
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
TONES = "\u0300\u0301\u0303\u0309\u0323"
SHAPES = ("short table", "table", "long table", "digits", "few letters", "prose", "short prose")


@dataclass(frozen=True, slots=True)
class Sample:
    """One made-up file."""

    language: str
    encoding: str
    shape: str
    text: str
    content: bytes


def samples(seed: int, repeats: int) -> Iterator[Sample]:
    """Yield the set; a text that its encoding cannot hold loses the letters in question."""
    for language, encodings in LANGUAGES.items():
        fake = Faker(language)
        fake.seed_instance(seed)
        rng = random.Random(f"{seed}{language}")
        for encoding in (*encodings, *UNICODE):
            for shape in SHAPES:
                for _ in range(repeats):
                    text = _fitting(_text(fake, rng, shape), encoding)
                    yield Sample(language, encoding, shape, text, text.encode(encoding))


def _fitting(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        if encoding == "cp1258":  # its accents follow their letters
            text = "".join(_tones_behind(character) for character in text)
        return text.encode(encoding, "ignore").decode(encoding)
    return text


def _tones_behind(character: str) -> str:
    """Put a tone behind its letter where windows-1258 has no letter with the tone."""
    try:
        character.encode("cp1258")
    except UnicodeEncodeError:
        parts = unicodedata.normalize("NFD", character)
        tone = "".join(part for part in parts if part in TONES)
        return unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES)) + tone
    return character


def _text(fake: Faker, rng: random.Random, shape: str) -> str:
    if shape == "prose":
        return "\n".join(fake.paragraph(nb_sentences=5) for _ in range(12)) + "\n"
    if shape == "short prose":
        return fake.paragraph(nb_sentences=3) + "\n"
    rows = {"short table": rng.randint(2, 6), "table": rng.randint(15, 60), "long table": 400, "digits": 80,
            "few letters": 40}[shape]  # fmt: skip
    delimiter = rng.choice(",;\t|")
    names = [word for _ in range(4) for word in fake.words(1)]
    lines = [delimiter.join(names)]
    lines += [delimiter.join(_row(fake, rng, shape, number)) for number in range(rows)]
    end = rng.choice(("\n", "\r\n"))
    return end.join(lines) + end


def _row(fake: Faker, rng: random.Random, shape: str, number: int) -> list[str]:
    digits = [
        str(number),
        f"{rng.uniform(0, 999):.2f}",
        f"20{rng.randint(10, 26)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
    ]
    if shape == "digits":
        return [*digits, fake.city().replace("\n", " ") if number % 8 == 0 else str(rng.randint(1, 10**6))]
    if shape == "few letters":
        return [*digits, fake.last_name() if number in (11, 29) else "-"]
    return [str(number), fake.name(), fake.city(), str(rng.randint(1, 10**6))]


def _ours(content: bytes) -> str | None:
    return detect_encoding(content).encoding


def _chardet(content: bytes) -> str | None:
    return chardet.detect(content, compat_names=False)["encoding"]


def _normalizer(content: bytes) -> str | None:
    match = charset_normalizer.from_bytes(content).best()
    return match.encoding if match else None


DETECTORS: dict[str, Callable[[bytes], str | None]] = {
    "ours": _ours, "chardet": _chardet, "charset-normalizer": _normalizer,
}  # fmt: skip


def is_right(sample: Sample, encoding: str | None) -> bool:
    """Whether decoding with what was found gives the text."""
    try:
        return encoding is not None and sample.content.decode(encoding).lstrip("\ufeff") == sample.text.lstrip("\ufeff")
    except (UnicodeDecodeError, LookupError):
        return False


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=sorted(DETECTORS))
    parser.add_argument("--wrong", action="store_true", help="list what was not found")
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(DETECTORS)
    right: dict[str, Counter[str]] = defaultdict(Counter)
    shapes: dict[str, Counter[str]] = defaultdict(Counter)
    spent: dict[str, float] = defaultdict(float)
    total: Counter[str] = Counter()
    per_shape: Counter[str] = Counter()
    for sample in samples(arguments.seed, arguments.repeats):
        total[sample.encoding] += 1
        per_shape[sample.shape] += 1
        for name in chosen:
            begun = process_time()
            found = DETECTORS[name](sample.content)
            spent[name] += process_time() - begun
            good = is_right(sample, found)
            right[name][sample.encoding] += good
            shapes[name][sample.shape] += good
            if arguments.wrong and not good:
                print(f"{name}: {sample.language} {sample.encoding} {sample.shape}: {found}")
    for encoding, count in total.items():
        print(f"{encoding:12} {count:5}", *(f"{name} {right[name][encoding] / count:.3f}" for name in chosen))
    for shape, count in per_shape.items():
        print(f"{shape:12} {count:5}", *(f"{name} {shapes[name][shape] / count:.3f}" for name in chosen))
    everything = sum(total.values())
    for name in chosen:
        share = sum(right[name].values()) / everything
        print(f"all {everything} {name}: {share:.4f}, {1000 * spent[name] / everything:.1f} ms each")


if __name__ == "__main__":
    main()
