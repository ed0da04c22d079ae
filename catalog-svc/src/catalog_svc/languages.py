"""The languages whose words are known to have forms: those that PostgreSQL has a stemmer for."""

from typing import Final

# ISO 639-1 and -2 codes of the languages of each, by the name of its text search configuration
LANGUAGES: Final = {
    "arabic": "ar ara", "armenian": "hy hye arm", "basque": "eu eus baq", "catalan": "ca cat", "danish": "da dan",
    "dutch": "nl nld dut", "english": "en eng", "estonian": "et est", "finnish": "fi fin", "french": "fr fra fre",
    "german": "de deu ger", "greek": "el ell gre", "hindi": "hi hin", "hungarian": "hu hun", "indonesian": "id ind",
    "irish": "ga gle", "italian": "it ita", "lithuanian": "lt lit", "nepali": "ne nep",
    "norwegian": "no nor nb nob nn nno", "portuguese": "pt por", "romanian": "ro ron rum", "russian": "ru rus",
    "serbian": "sr srp", "spanish": "es spa", "swedish": "sv swe", "tamil": "ta tam", "turkish": "tr tur",
    "yiddish": "yi yid",
}  # fmt: skip
