"""Names of months in European languages, as they stand in dates: full and short, also in the genitive."""

from collections.abc import Mapping
from typing import Final

MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
           "sep sept september", "oct october", "nov november", "dec december"),
    "de": ("jan januar jänner jän", "feb februar feber", "mär märz mrz maerz", "apr april", "mai", "jun juni", "jul juli",
           "aug august", "sep sept september", "okt oktober", "nov november", "dez dezember"),
    "fr": ("janv janvier jan", "févr février fév fevrier", "mars mar", "avr avril", "mai", "juin", "juil juillet", "août aout",
           "sept septembre sep", "oct octobre", "nov novembre", "déc décembre dec decembre"),
    "es": ("ene enero", "feb febrero", "mar marzo", "abr abril", "may mayo", "jun junio", "jul julio", "ago agosto",
           "sep sept septiembre setiembre", "oct octubre", "nov noviembre", "dic diciembre"),
    "it": ("gen gennaio", "feb febbraio", "mar marzo", "apr aprile", "mag maggio", "giu giugno", "lug luglio", "ago agosto",
           "set sett settembre", "ott ottobre", "nov novembre", "dic dicembre"),
    "pt": ("jan janeiro", "fev fevereiro", "mar março marco", "abr abril", "mai maio", "jun junho", "jul julho", "ago agosto",
           "set setembro", "out outubro", "nov novembro", "dez dezembro"),
    "nl": ("jan januari", "feb februari", "mrt maart maa", "apr april", "mei", "jun juni", "jul juli", "aug augustus",
           "sep sept september", "okt oktober", "nov november", "dec december"),
    "pl": ("sty styczeń stycznia", "lut luty lutego", "mar marzec marca", "kwi kwiecień kwietnia", "maj maja",
           "cze czerwiec czerwca", "lip lipiec lipca", "sie sierpień sierpnia", "wrz wrzesień września",
           "paź październik października", "lis listopad listopada", "gru grudzień grudnia"),
    "cs": ("led leden ledna", "úno únor února", "bře březen března", "dub duben dubna", "kvě květen května",
           "čvn červen června", "čvc červenec července", "srp srpen srpna", "zář září", "říj říjen října",
           "lis listopad listopadu", "pro prosinec prosince"),
    "sk": ("jan január januára", "feb február februára", "mar marec marca", "apr apríl apríla", "máj mája", "jún júna",
           "júl júla", "aug august augusta", "sep september septembra", "okt október októbra", "nov november novembra",
           "dec december decembra"),
    "hu": ("jan január", "feb febr február", "márc március már", "ápr április", "máj május", "jún június", "júl július",
           "aug augusztus", "szept szeptember szep", "okt október", "nov november", "dec december"),
    "ro": ("ian ianuarie", "feb februarie", "mar martie", "apr aprilie", "mai", "iun iunie", "iul iulie", "aug august",
           "sept septembrie sep", "oct octombrie", "nov noiembrie noi", "dec decembrie"),
    "sv": ("jan januari", "feb februari", "mar mars", "apr april", "maj", "jun juni", "jul juli", "aug augusti",
           "sep sept september", "okt oktober", "nov november", "dec december"),
    "da": ("jan januar", "feb februar", "mar marts", "apr april", "maj", "jun juni", "jul juli", "aug august",
           "sep sept september", "okt oktober", "nov november", "dec december"),
    "no": ("jan januar", "feb februar", "mar mars", "apr april", "mai", "jun juni", "jul juli", "aug august",
           "sep sept september", "okt oktober", "nov november", "des desember"),
    "fi": ("tammi tammikuu tammikuuta", "helmi helmikuu helmikuuta", "maalis maaliskuu maaliskuuta",
           "huhti huhtikuu huhtikuuta", "touko toukokuu toukokuuta", "kesä kesäkuu kesäkuuta", "heinä heinäkuu heinäkuuta",
           "elo elokuu elokuuta", "syys syyskuu syyskuuta", "loka lokakuu lokakuuta", "marras marraskuu marraskuuta",
           "joulu joulukuu joulukuuta"),
    "hr": ("sij siječanj siječnja", "velj veljača veljače", "ožu ožujak ožujka", "tra travanj travnja", "svi svibanj svibnja",
           "lip lipanj lipnja", "srp srpanj srpnja", "kol kolovoz kolovoza", "ruj rujan rujna", "lis listopad listopada",
           "stu studeni studenoga studenog", "pro prosinac prosinca"),
    "sl": ("jan januar januarja", "feb februar februarja", "mar marec marca", "apr april aprila", "maj maja",
           "jun junij junija", "jul julij julija", "avg avgust avgusta", "sep september septembra", "okt oktober oktobra",
           "nov november novembra", "dec december decembra"),
    "tr": ("oca ocak", "şub şubat", "mar mart", "nis nisan", "may mayıs", "haz haziran", "tem temmuz", "ağu ağustos",
           "eyl eylül", "eki ekim", "kas kasım", "ara aralık"),
    "ru": ("янв январь января", "фев февр февраль февраля", "мар март марта", "апр апрель апреля", "май мая",
           "июн июнь июня", "июл июль июля", "авг август августа", "сен сент сентябрь сентября", "окт октябрь октября",
           "ноя нояб ноябрь ноября", "дек декабрь декабря"),
    "uk": ("січ січень січня", "лют лютий лютого", "бер березень березня", "кві квіт квітень квітня", "тра трав травень травня",
           "чер черв червень червня", "лип липень липня", "сер серп серпень серпня", "вер вересень вересня",
           "жов жовт жовтень жовтня", "лис листопад листопада", "гру груд грудень грудня"),
    "bg": ("яну януари", "фев февруари", "мар март", "апр април", "май", "юни юн", "юли юл", "авг август",
           "сеп септември септ", "окт октомври", "ное ноември ноем", "дек декември"),
    "el": ("ιαν ιανουάριος ιανουαρίου", "φεβ φεβρουάριος φεβρουαρίου", "μαρ μάρτιος μαρτίου", "απρ απρίλιος απριλίου",
           "μαΐ μάιος μαΐου μαϊ", "ιουν ιούνιος ιουνίου", "ιουλ ιούλιος ιουλίου", "αυγ αύγουστος αυγούστου",
           "σεπ σεπτέμβριος σεπτεμβρίου", "οκτ οκτώβριος οκτωβρίου", "νοε νοέμβριος νοεμβρίου", "δεκ δεκέμβριος δεκεμβρίου"),
}  # fmt: skip
"""By language: twelve entries, each the names of a month in lower case, without a point."""


def names_of(language: str) -> list[tuple[str, int]]:
    """Return every name of a language with the number of its month, the longest names first."""
    found = [(name, month) for month, names in enumerate(MONTHS[language], start=1) for name in names.split()]
    return sorted(found, key=lambda item: (-len(item[0]), item[0]))


def languages_of(word: str) -> frozenset[str]:
    """Return the languages in which a word in lower case names a month."""
    return _LANGUAGES.get(word, frozenset())


def _by_word() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for language in MONTHS:
        for name, _ in names_of(language):
            found.setdefault(name, set()).add(language)
    return {name: frozenset(languages) for name, languages in found.items()}


_LANGUAGES: Final = _by_word()
