"""Languages of the EU authority table by their subtag of BCP 47: official ones of the EU and of its neighbours."""

from typing import Final

AUTHORITY_OF: Final = {
    "ar": "ARA", "bg": "BUL", "bs": "BOS", "ca": "CAT", "cs": "CES", "cy": "CYM", "da": "DAN", "de": "DEU", "el": "ELL",
    "en": "ENG", "es": "SPA", "et": "EST", "eu": "EUS", "fi": "FIN", "fr": "FRA", "ga": "GLE", "gl": "GLG", "hr": "HRV",
    "hu": "HUN", "is": "ISL", "it": "ITA", "ja": "JPN", "lb": "LTZ", "lt": "LIT", "lv": "LAV", "mk": "MKD", "mt": "MLT",
    "nb": "NOB", "nl": "NLD", "nn": "NNO", "no": "NOR", "pl": "POL", "pt": "POR", "ro": "RON", "ru": "RUS", "sk": "SLK",
    "sl": "SLV", "sq": "SQI", "sr": "SRP", "sv": "SWE", "tr": "TUR", "uk": "UKR", "zh": "ZHO",
}  # fmt: skip
