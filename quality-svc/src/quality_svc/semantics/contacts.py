"""E-mail addresses, telephone numbers, addresses of web pages and of machines."""

import ipaddress
import re
from functools import lru_cache
from typing import Final

import phonenumbers

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name, by_values

_EMAIL: Final = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]+)"
)
_URL: Final = re.compile(r"(?:(?:https?|ftps?|s3|git)://|www\.)[^\s/?#.]+(?:\.[^\s/?#.]+)*(?:[/?#]\S*)?", re.IGNORECASE)
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_PHONE: Final = re.compile(r"(?:\+|00)?[\d(][\d ()./–-]{5,22}\d(?: ?(?:x|ext\.?|#) ?\d{1,6})?", re.IGNORECASE)  # noqa: RUF001
_GROUPED: Final = re.compile(r"[+(]|\d[ ./)-]\d")
_DATE: Final = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}.*")
_DIGITS: Final = range(7, 16)
_TRIED_REGIONS: Final = (
    "US", "DE", "FR", "GB", "ES", "IT", "BR", "IN", "NL", "PL", "MX", "AU", "JP", "CN", "RU", "TR", "AT", "CH", "BE",
    "SE", "DK", "NO", "FI", "PT", "CZ", "ZA", "AR",
)  # fmt: skip
_TRIED_VALUES: Final = 12


def is_email(text: str) -> bool:
    """Whether text is one e-mail address (RFC 5322's dot-atom, a domain with a top level)."""
    return "@" in text and ".." not in text and _EMAIL.fullmatch(text.strip()) is not None


def is_url(text: str) -> bool:
    """Whether text is one address on the web."""
    return _URL.fullmatch(text.strip()) is not None


def is_ip_address(text: str) -> bool:
    """Whether text is an address of IPv4 or IPv6, perhaps of a net."""
    if text.count(".") != 3 and text.count(":") < 2:  # noqa: PLR2004 - dots and colons of addresses
        return False
    try:
        ipaddress.ip_interface(text.strip())
    except ValueError:
        return False
    return True


def is_phone_shaped(text: str) -> bool:
    """Whether text could be a telephone number: 7 to 15 digits (E.164) in groups, and no date."""
    text = text.strip()
    if _PHONE.fullmatch(text) is None or _DATE.fullmatch(text) is not None:
        return False
    return sum(character.isdigit() for character in text) in _DIGITS


@lru_cache(maxsize=16_384)
def phone_region(text: str, region: str | None = None) -> str | None:
    """Return the country of a valid telephone number, None of any other; `region` is assumed where it names none."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    found: str | None = phonenumbers.region_code_for_number(number)
    return found or region


def email(seen: Seen) -> Recognized | None:
    """Recognize e-mail addresses."""
    return by_values("email", seen.share(is_email), seen.names.strength(vocabulary.EMAIL)) if seen.is_text else None


def url(seen: Seen) -> Recognized | None:
    """Recognize web addresses."""
    return by_values("url", seen.share(is_url), seen.names.strength(vocabulary.URL)) if seen.is_text else None


def machine(seen: Seen) -> Recognized | None:
    """Recognize addresses of machines."""
    if not seen.is_text:
        return None
    named = seen.names.strength(vocabulary.IP_ADDRESS)
    return by_values("ip_address", seen.share(is_ip_address), named) or by_values(
        "ip_address", seen.share(_MAC.fullmatch), seen.names.strength(vocabulary.DEVICE), detail="mac"
    )


def phone(seen: Seen) -> Recognized | None:
    """Recognize telephone numbers: by their country's rules, without a name only where they are written as such."""
    if not seen.is_text and not (seen.kind == "integer" and (seen.highest or 0) >= 10**6):
        return None
    named = seen.names.strength(vocabulary.PHONE)
    share = seen.share(is_phone_shaped)
    if share < (0.5 if named else 0.8):
        return None
    if not named and (not seen.is_text or seen.share(_GROUPED.search) < 0.8):  # noqa: PLR2004 - plain digits are any number
        return None
    region, valid = _best_region(seen)
    if named:
        return by_name("phone", max(share * 0.9, valid), named, detail=region if valid >= 0.5 else None)  # noqa: PLR2004
    return by_values("phone", valid, 0.0, detail=region, least=0.75) if valid else None


def _best_region(seen: Seen) -> tuple[str | None, float]:
    """Return the country under whose rules most of some values are valid, and how many those are."""
    values = [value for value, _ in seen.values if is_phone_shaped(value)][:_TRIED_VALUES]
    international = [phone_region(value if value.startswith("+") else "+" + value.lstrip("0")) for value in values
                     if value.startswith(("+", "00"))]  # fmt: skip
    if len(international) >= len(values) / 2:
        known = [region for region in international if region]
        return (max(sorted(set(known)), key=known.count) if known else None), len(known) / len(values)
    best: tuple[str | None, float] = (None, 0.0)
    for region in _TRIED_REGIONS:
        valid = sum(phone_region(value, region) is not None for value in values) / len(values)
        if valid > best[1]:
            best = (region, valid)
        if best[1] == 1.0:
            break
    return best
