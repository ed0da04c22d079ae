"""A citation as a line for people, and in the formats of reference managers."""

import re
from typing import Any, Final

from catalog_svc.citation.facts import Citation

_TEX: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_SPACES: Final = re.compile(r"\s+")


def text(cited: Citation) -> str:
    """Return `Creator (Year): Title. Version n. Institution. URL or DOI`."""
    authors = "; ".join(author.name for author in cited.authors)
    version = f" Version {cited.version}." if cited.version is not None else ""
    line = f"{authors} ({cited.published.year}): {cited.title}.{version} {cited.institution}. {cited.url}"
    return _line(line)


def bibtex(cited: Citation) -> str:
    """Return an entry of BibTeX; organizations are in braces of their own, so no name is taken apart."""
    names = [_tex(author.name) if author.person else f"{{{_tex(author.name)}}}" for author in cited.authors]
    fields = {
        "author": " and ".join(names),
        "title": f"{{{_tex(cited.title)}}}",
        "year": str(cited.published.year),
        "month": str(cited.published.month),
        "version": str(cited.version) if cited.version is not None else None,
        "publisher": _tex(cited.institution),
        "doi": _address(cited.doi) if cited.doi else None,
        "url": _address(cited.url),
        "keywords": ", ".join(map(_tex, cited.tags)) or None,
        "note": "Data set",
    }
    key = f"{cited.slug}-{cited.published.year}"
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value is not None]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}\n"


def ris(cited: Citation) -> str:
    """Return a record of RIS."""
    fields = [
        ("TY", "DATA"),
        *(("AU", author.name) for author in cited.authors),
        ("TI", cited.title),
        ("PY", str(cited.published.year)),
        ("DA", cited.published.strftime("%Y/%m/%d")),
        *((("ET", str(cited.version)),) if cited.version is not None else ()),
        ("PB", cited.institution),
        *((("DO", cited.doi),) if cited.doi else ()),
        ("UR", cited.url),
        *(("KW", tag) for tag in cited.tags),
        *((("AB", cited.description),) if cited.description else ()),
        ("ER", ""),
    ]
    # no value may begin a line of its own
    return "".join(f"{tag}  - {_line(value)}\r\n" for tag, value in fields)


def csl(cited: Citation) -> dict[str, Any]:
    """Return an item of CSL-JSON."""
    moment = cited.published
    found: dict[str, Any] = {
        "id": f"{cited.slug}-{moment.year}",
        "type": "dataset",
        "title": cited.title,
        "author": [
            {"family": author.family, **({"given": author.given} if author.given else {})}
            if author.person
            else {"literal": author.name}
            for author in cited.authors
        ],
        "issued": {"date-parts": [[moment.year, moment.month, moment.day]]},
        "publisher": cited.institution,
        "URL": cited.url,
    }
    more = {
        "version": str(cited.version) if cited.version is not None else None,
        "DOI": cited.doi,
        "abstract": cited.description or None,
        "keyword": ", ".join(cited.tags) or None,
        "language": next(iter(cited.details.languages), None),
    }
    return found | {name: value for name, value in more.items() if value is not None}


def _line(value: str) -> str:
    return _SPACES.sub(" ", value).strip()


def _tex(value: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in _line(value))


def _address(value: str) -> str:
    """Return an address for a field that BibTeX styles print verbatim: only braces would end it."""
    return value.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
