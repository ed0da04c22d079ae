"""Numbers with a check digit: bank accounts, payment cards, and numbers that states give to persons."""

# ruff: noqa: E501 - a table of patterns
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

from stdnum import iban, luhn

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name, by_values

_IBAN: Final = re.compile(r"[A-Za-z]{2}\d{2}[A-Za-z0-9 -]{11,40}")
_CARD: Final = re.compile(
    r"[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}|3[47]\d{2}([ -]?)\d{6}\2\d{5}|3\d{3}([ -]?)\d{6}\3\d{4}"
)
_SHAPED: Final = re.compile(r"(?=.*\d)[A-Za-z]{0,4}[\d][\dA-Za-z ./+-]{5,20}")
NATIONAL: Final = {
    "es.dni": r"\d{8}-?[A-Za-z]", "es.nie": r"[XYZxyz]-?\d{7}-?[A-Za-z]", "it.codicefiscale": r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]",
    "br.cpf": r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11}", "pl.pesel": r"\d{11}", "ch.ssn": r"756\.?\d{4}\.?\d{4}\.?\d{2}", "fr.nir": r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}",
    "se.personnummer": r"(?:\d{2})?\d{6}[-+]?\d{4}", "fi.hetu": r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", "dk.cpr": r"\d{6}-?\d{4}", "no.fodselsnummer": r"\d{6} ?\d{5}", "nl.bsn": r"\d{9}|\d{4}\.\d{2}\.\d{3}",
    "be.nn": r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}", "cz.rc": r"\d{6}/?\d{3,4}", "ro.cnp": r"[1-9]\d{12}", "bg.egn": r"\d{10}", "hr.oib": r"\d{11}", "ee.ik": r"[1-8]\d{10}", "lv.pk": r"\d{6}-?\d{5}",
    "tr.tckimlik": r"[1-9]\d{10}", "cn.ric": r"\d{17}[\dXx]", "mx.curp": r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d", "mx.rfc": r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{3}", "cl.rut": r"\d{1,2}\.?\d{3}\.?\d{3}-[\dkK]",
    "ar.cuit": r"\d{2}-?\d{8}-?\d", "us.ssn": r"\d{3}-\d{2}-\d{4}", "us.itin": r"9\d{2}-\d{2}-\d{4}", "gb.nhs": r"\d{3}[ -]?\d{3}[ -]?\d{4}", "gb.utr": r"\d{10}", "ca.sin": r"\d{3}[ -]\d{3}[ -]\d{3}",
    "in_.aadhaar": r"\d{4} ?\d{4} ?\d{4}", "in_.pan": r"[A-Z]{5}\d{4}[A-Z]", "kr.rrn": r"\d{6}-\d{7}", "za.idnr": r"\d{13}", "de.idnr": r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "at.vnr": r"\d{4} ?\d{6}", "ie.pps": r"\d{7}[A-W][ABHWTX]?",
    "pt.cc": r"\d{8} ?\d ?[A-Z0-9]{2}\d", "gr.amka": r"\d{11}", "il.idnr": r"\d{9}", "au.tfn": r"\d{3} \d{3} \d{3}", "ru.inn": r"\d{12}", "jp.in_": r"\d{12}", "id.nik": r"\d{16}",
}  # fmt: skip
"""Numbers that states give to persons: the module of python-stdnum and how they are written."""
_SPEAKING: Final = frozenset({
    "es.dni", "es.nie", "it.codicefiscale", "ch.ssn", "fi.hetu", "cn.ric", "mx.curp", "in_.pan", "kr.rrn", "us.ssn", "cl.rut", "ro.cnp", "fr.nir", "ie.pps", "pt.cc",
})  # fmt: skip
"""Those whose letters, marks or length are like nothing else: they need no name that says so."""


def is_iban(text: str) -> bool:
    """Whether text is an IBAN whose check digits and country's length are right (ISO 13616)."""
    return _IBAN.fullmatch(text.strip()) is not None and bool(iban.is_valid(text))


def is_payment_card(text: str) -> bool:
    """Whether text is a number of 13 to 19 digits as card schemes give, with Luhn's check digit (ISO/IEC 7812)."""
    return _CARD.fullmatch(text.strip()) is not None and bool(luhn.is_valid(re.sub(r"\D", "", text)))


def is_national_id(text: str, scheme: str) -> bool:
    """Whether text is a number of the scheme, one of `NATIONAL`."""
    validator = _validator(scheme)
    return validator is not None and re.fullmatch(NATIONAL[scheme], text.strip()) is not None and bool(validator(text))


def account(seen: Seen) -> Recognized | None:
    """Recognize bank accounts by IBAN."""
    return by_values("iban", seen.share(is_iban), seen.names.strength(vocabulary.IBAN)) if seen.is_text else None


def payment_card(seen: Seen) -> Recognized | None:
    """Recognize payment cards: by Luhn's digit alone a tenth of all numbers would be."""
    if not seen.is_text and not (seen.kind == "integer" and (seen.lowest or 0) > 10**12):
        return None
    named = seen.names.strength(vocabulary.PAYMENT_CARD)
    return by_values("payment_card", seen.share(is_payment_card), named, least=0.9)


def national_id(seen: Seen) -> Recognized | None:
    """Recognize numbers of persons: by their scheme's rules, or by the name of the column where the shape fits."""
    if not seen.is_text and not (seen.kind == "integer" and (seen.highest or 0) >= 10**7):
        return None
    named = seen.names.strength(vocabulary.NATIONAL_ID)
    shaped = seen.share(_SHAPED.fullmatch)
    if shaped < 0.6:  # noqa: PLR2004
        return None
    scheme, valid = _best_scheme(seen, sorted(NATIONAL) if named else sorted(_SPEAKING))
    if named:
        detail = scheme.replace("_", "") if scheme and valid >= 0.8 else None  # noqa: PLR2004
        return by_name("national_id", max(valid, shaped * 0.8), named, detail=detail)
    few = 3
    if scheme is None or seen.distinct < few:
        return None
    return by_values("national_id", valid, 0.0, detail=scheme.replace("_", ""), least=0.9)


def _best_scheme(seen: Seen, schemes: list[str]) -> tuple[str | None, float]:
    best: tuple[str | None, float] = (None, 0.0)
    for scheme in schemes:
        pattern = re.compile(NATIONAL[scheme])
        if not any(pattern.fullmatch(value.strip()) for value, _ in seen.values[:3]):
            continue
        share = seen.share(lambda value, scheme=scheme: is_national_id(value, scheme))  # type: ignore[misc]
        if share > best[1]:
            best = (scheme, share)
    return best


@cache
def _validator(scheme: str) -> Callable[[str], Any] | None:
    try:
        found: Callable[[str], Any] = import_module(f"stdnum.{scheme}").is_valid
    except ImportError:
        return None
    return found
