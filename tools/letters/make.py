"""Make `text_letters.json.xz`: how often letters follow each other, by language.

Words come from the Unicode CLDR (names of countries, languages, cities, months, currencies, units: what tables hold) by
way of Babel, and from Django's translations (sentences). Run it with Babel and Django at hand:
`uv run --with babel --with django python tools/letters/make.py`.
"""

# ruff: noqa: INP001, SLF001, T201, D103, SIM905, PLR2004, RUF007 - a script that is run once in a while

import gettext
import json
import lzma
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import babel
import django
from babel.localedata import LocaleDataDict

TARGET = Path(__file__).parents[2] / "libs/formats/src/dataplatform_formats/detection/text_letters.json.xz"
LANGUAGES = (
    "en de fr es it pt nl sv da nb fi is et lv lt pl cs sk hu ro hr sl bs sq tr az vi ca eu gl ga cy mt eo af id "
    "ru uk bg sr mk be kk el he ar fa ur th ja zh_Hans zh_Hant ko sr_Latn fy lb"
).split()
WORD = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f\u0e31-\u0e4e][^\W\d_]*)*")
IDEOGRAPHIC = {"ja", "zh_Hans", "zh_Hant", "ko"}
SCRIPTS = dict.fromkeys("ru uk bg sr mk be kk".split(), "CYRILLIC") | {
    "el": "GREEK", "he": "HEBREW", "ar": "ARABIC", "fa": "ARABIC", "ur": "ARABIC", "th": "THAI",
}  # fmt: skip
TONES = "\u0300\u0301\u0303\u0309\u0323"
LEAST = 1
MOST_PAIRS = 1500
PROSE_WEIGHT = 1
NAMES_WEIGHT = 2


def words_of_cldr(code: str) -> Iterator[str]:
    locale = babel.Locale.parse(code)
    for data in (locale.territories, locale.languages, locale.currencies):
        yield from (str(name) for name in data.values())
    yield from _strings(locale._data["months"])
    yield from _strings(locale._data["days"])
    yield from _strings(locale._data["quarters"])
    yield from _strings(locale._data["unit_patterns"])
    zones = locale.time_zones
    yield from (str(zone["city"]) for zone in zones.values() if "city" in zone)


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, LocaleDataDict)):
        for value in data.values():
            yield from _strings(value)


def words_of_django(code: str) -> Iterator[str]:
    name = {"nb": "nb", "sr_Latn": "sr_Latn", "fy": "fy"}.get(code, code)
    for domain in (
        "conf/locale",
        *(f"contrib/{app}/locale" for app in ("admin", "auth", "gis", "humanize", "admindocs")),
    ):
        path = Path(django.__path__[0]) / domain / name / "LC_MESSAGES/django.mo"
        if path.is_file():
            with path.open("rb") as file:
                catalog = gettext.GNUTranslations(file)._catalog
            yield from (text for key, text in catalog.items() if key)


def vietnamese(text: str) -> str:
    """Put tones behind their letters where windows-1258 has no letter with the tone."""
    return "".join(_split(character) for character in text)


def _split(character: str) -> str:
    try:
        character.encode("cp1258")
    except UnicodeEncodeError:
        parts = unicodedata.normalize("NFD", character)
        tone = "".join(part for part in parts if part in TONES)
        return unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES)) + tone
    return character


def counted(code: str) -> dict[str, object]:
    pairs: Counter[str] = Counter()
    single: Counter[str] = Counter()
    for texts, weight in ((words_of_cldr(code), NAMES_WEIGHT), (words_of_django(code), PROSE_WEIGHT)):
        for text in texts:
            for raw in words_in(text, code):
                word = raw.lower()
                if code in IDEOGRAPHIC:
                    single.update({letter: weight for letter in word if ord(letter) > 127})
                    continue
                framed = f" {word} "
                for first, second in zip(framed, framed[1:], strict=False):
                    pairs[first + second] += weight
    if code in IDEOGRAPHIC:
        return {"letters": packed(single)}
    return {"pairs": packed(Counter(dict(pairs.most_common(MOST_PAIRS))))}


def words_in(text: str, code: str) -> Iterable[str]:
    text = unicodedata.normalize("NFC", text)
    if code == "vi":
        text = vietnamese(text)
    found = WORD.findall(text)
    own = [word for word in found if not word.isascii()]
    if code in IDEOGRAPHIC:
        return own
    # names in other scripts would teach their letters
    return [word for word in found if script(word) == SCRIPTS.get(code, "LATIN")]


def script(word: str) -> str:
    """Return the script of a word's letters, or `mixed`."""
    names = {unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha()}
    return names.pop() if len(names) == 1 else "mixed"


def packed(counts: Counter[str]) -> dict[str, int]:
    return {key: count for key, count in sorted(counts.items()) if count > LEAST}


def main() -> None:
    table = {code: counted(code) for code in LANGUAGES}
    data = json.dumps(table, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(lzma.compress(data, preset=9))
    print({code: sum(len(part) for part in entry.values()) for code, entry in table.items()})
    print(len(data), TARGET.stat().st_size)


if __name__ == "__main__":
    main()
