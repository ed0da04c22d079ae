"""Names of persons: by the column's name, where the values look like names."""

# ruff: noqa: E501, RUF001 - tables of words
import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name

_NAME: Final = re.compile(r"[^\W\d_][^\W\d_]*(?:[ ,.'’`-]{1,3}[^\W\d_]+){0,6}[.,]?")
_TITLED: Final = re.compile(
    r"(?:[^,]+, )?(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Mlle|M|Sr|Sra|Don|Dña|Sig|г-н)\.? [^\W\d_].+"
)
_OF_THINGS: Final = frozenset(
    ["file", "product", "company", "firm", "station", "city", "country", "brand", "model", "store", "shop", "school", "team", "variable", "column", "table", "dataset", "project", "host", "server", "domain", "field", "class", "category", "region", "street", "item", "event", "species", "disease", "hospital", "river", "bank", "org", "organisation", "organization"]
)  # fmt: skip


_GIVEN: Final = frozenset(
    ["james", "mary", "john", "patricia", "robert", "jennifer", "michael", "linda", "william", "elizabeth", "david", "barbara", "richard", "susan", "joseph", "jessica", "thomas", "sarah", "charles", "karen", "christopher", "nancy", "daniel", "lisa", "matthew", "betty", "anthony", "margaret", "mark", "sandra", "donald", "ashley", "steven", "kimberly", "paul", "emily", "andrew", "donna", "joshua", "michelle", "kenneth", "dorothy", "kevin", "carol", "brian", "amanda", "george", "melissa", "edward", "deborah", "ronald", "stephanie", "timothy", "rebecca", "jason", "sharon", "jeffrey", "laura", "ryan", "cynthia", "jacob", "kathleen", "gary", "amy", "nicholas", "shirley", "eric", "angela", "jonathan", "helen", "stephen", "anna", "larry", "brenda", "justin", "pamela", "scott", "nicole", "brandon", "samantha", "benjamin", "katherine", "samuel", "emma", "gregory", "ruth", "frank", "christine", "alexander", "catherine", "raymond", "debra", "patrick", "rachel", "jack", "carolyn", "dennis", "janet", "jerry", "tyler", "maria", "aaron", "heather", "jose", "diane", "adam", "julie", "henry", "joyce", "nathan", "victoria", "oliver", "olivia", "harry", "amelia", "noah", "sophia", "liam", "isabella", "ethan", "mia", "lucas", "charlotte", "logan", "ava", "peter", "jane", "lily", "grace", "hans", "klaus", "wolfgang", "jürgen", "uwe", "bernd", "günter", "karl", "heinz", "werner", "horst", "dieter", "manfred", "gerhard", "stefan", "andreas", "markus", "matthias", "martin", "sabine", "petra", "monika", "ursula", "renate", "helga", "karin", "brigitte", "ingrid", "erika", "christa", "gisela", "heike", "kerstin", "anja", "katrin", "julia", "lena", "lukas", "leon", "finn", "felix", "jonas", "maximilian", "paula", "hannah", "johannes", "dirk", "jens", "kai", "sven", "torsten", "ralf", "anke", "silke", "birgit", "ute", "katja", "jean", "pierre", "marie", "michel", "andré", "philippe", "rené", "louis", "alain", "jacques", "bernard", "marcel", "roger", "claude", "christian", "françois", "nathalie", "isabelle", "sylvie", "martine", "nicolas", "sébastien", "julien", "guillaume", "camille", "léa", "manon", "chloé", "inès", "hugo", "théo", "élise", "aurélie", "céline", "sophie", "valérie", "véronique", "thierry", "pascal", "laurent", "stéphane", "gilles", "antonio", "josé", "manuel", "francisco", "juan", "javier", "carlos", "miguel", "alejandro", "pedro", "pablo", "sergio", "jorge", "alberto", "luis", "álvaro", "diego", "carmen", "maría", "josefa", "isabel", "dolores", "pilar", "teresa", "ana", "francisca", "lucía", "marta", "cristina", "elena", "raquel", "rosa", "joão", "paulo", "tiago", "rui", "ricardo", "nuno", "fernanda", "juliana", "adriana", "márcia", "patrícia", "luiz", "rafael", "gustavo", "bruno", "felipe", "thiago", "giuseppe", "giovanni", "mario", "luigi", "francesco", "angelo", "vincenzo", "pietro", "salvatore", "carlo", "franco", "domenico", "paolo", "marco", "andrea", "luca", "matteo", "alessandro", "lorenzo", "giulia", "chiara", "francesca", "sara", "martina", "valentina", "alessia", "giorgia", "elisa", "silvia", "federica", "jan", "piotr", "krzysztof", "andrzej", "tomasz", "paweł", "marcin", "michał", "grzegorz", "katarzyna", "małgorzata", "agnieszka", "ewa", "krystyna", "magdalena", "joanna", "zofia", "jiří", "pavel", "tomáš", "jana", "petr", "eva", "hana", "lenka", "lars", "anders", "erik", "johan", "björn", "olaf", "ole", "søren", "mette", "anne", "kirsten", "jukka", "matti", "liisa", "pekka", "aino", "willem", "cornelis", "pieter", "hendrik", "wilhelmina", "sanne", "daan", "femke", "jeroen", "marieke", "ivan", "sergei", "sergey", "dmitry", "dmitri", "andrei", "alexei", "mikhail", "vladimir", "olga", "natalia", "tatiana", "irina", "svetlana", "ekaterina", "иван", "сергей", "александр", "дмитрий", "андрей", "алексей", "михаил", "владимир", "ольга", "елена", "наталья", "татьяна", "ирина", "светлана", "екатерина", "мария", "анна", "mohammed", "muhammad", "ahmed", "mahmoud", "ali", "hassan", "hussein", "omar", "khaled", "fatima", "aisha", "maryam", "zainab", "mehmet", "mustafa", "ayşe", "fatma", "emine", "hüseyin", "ibrahim", "yusuf", "elif", "zeynep", "murat", "rahul", "amit", "sanjay", "rajesh", "priya", "anjali", "sunita", "deepak", "vijay", "ravi", "suresh", "anita", "pooja", "neha", "arjun", "wei", "li", "ming", "jing", "yan", "hiroshi", "takashi", "yuki", "sakura", "kenji", "minh", "thanh", "anh", "nguyen"]
)
"""Given names that are frequent somewhere: enough of them among capitalized words tell persons from products."""
_FULL: Final = re.compile(r"(?:[^\W\d_][\w.'-]*,? ){1,4}[^\W\d_][\w.'-]*")
_KNOWN_SHARE: Final = 0.25
_LONGEST: Final = 40


def has_given_name(text: str) -> bool:
    """Whether a text of two to five words has a frequent given name among them."""
    words = text.replace(",", " ").replace("-", " ").split()
    return 2 <= len(words) <= 5 and any(word.lower() in _GIVEN for word in words) and _FULL.fullmatch(text) is not None  # noqa: PLR2004


def person_name(seen: Seen) -> Recognized | None:
    """Recognize names of persons: under a telling name of the column, by titles, or by given names among them."""
    if not seen.is_text:
        return None
    titled = seen.share(_TITLED.fullmatch)
    if titled > 0.8:  # noqa: PLR2004
        return Recognized("person_name", 0.85 * titled, titled, ("values",))
    of_things = any(word in _OF_THINGS for words in seen.names.said for word in words)
    named = 0.0 if of_things else seen.names.strength(vocabulary.PERSON_NAME)
    if named:
        return by_name("person_name", seen.share(_NAME.fullmatch), named, least=0.7)
    known, whole = seen.share_of_values(has_given_name), seen.share_of_values(_FULL.fullmatch)
    if known >= _KNOWN_SHARE and whole > 0.8 and seen.mean_length < _LONGEST and not of_things:  # noqa: PLR2004
        return Recognized("person_name", round(0.5 + 0.4 * min(1.0, 2 * known), 3), whole, ("values",))
    return None
