"""What the names of members say: which are no files to a person, and which are parts of one table.

A name only proposes. Whether members are parts of one table, their content decides.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from processing_svc.archives.members import Member

NULL_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"
_CLUTTER_FOLDERS: Final = frozenset({"__macosx", ".git", ".svn", "__pycache__", ".ipynb_checkpoints", "_delta_log"})
_CLUTTER_FILES: Final = frozenset({"thumbs.db", "desktop.ini", ".ds_store", "_success", "_metadata",
                                   "_common_metadata", "_started", "_committed"})  # fmt: skip
_PARTITION: Final = re.compile(r"([^=/]+)=([^/]*)")
_PART: Final = re.compile(r"(?:^|[-_. ])(?:part|chunk|shard)[-_. ]?\d+|\d+[-_]of[-_]\d+|^0\d{3,}_\d+", re.IGNORECASE)
"""Names that writers of several files give them: `part-00000`, `00000-of-00005`, `000000_0`."""
_EXTENSIONS: Final = re.compile(r"(\.[A-Za-z][A-Za-z0-9]{0,7}){1,3}$")


@dataclass(frozen=True, slots=True)
class Group:
    """Members that may be parts of one table. Of one member: it stands alone."""

    name: str
    """Of the table that they would make."""
    members: tuple[Member, ...]
    keys: tuple[str, ...] = ()
    """Names of the partition columns, for members in folders such as `year=2024/month=1`."""
    sure: bool = False
    """Whether the names alone leave no doubt that they are parts: their schemas may then differ."""


def is_clutter(name: str) -> bool:
    """Whether no person would call this a file of the archive: what operating systems and writers leave behind."""
    *folders, base = name.lower().split("/")
    if base in _CLUTTER_FILES or base.startswith("._") or (base.startswith(".") and base.endswith(".crc")):
        return True
    return any(folder in _CLUTTER_FOLDERS for folder in folders)


def partition_of(name: str) -> tuple[str, dict[str, str | None]]:
    """Return the folder above a member's partition folders, and the partition's values by their keys."""
    *folders, _ = name.split("/")
    values: dict[str, str | None] = {}
    while folders and (found := _PARTITION.fullmatch(folders[-1])):
        value = unquote(found[2])
        values = {unquote(found[1]): None if value == NULL_PARTITION else value, **values}
        folders.pop()
    return "/".join(folders), values


def groups_of(members: Iterable[Member]) -> list[Group]:
    """Return the members as groups, in the order of their first members."""
    found: dict[object, list[Member]] = {}
    for member in members:
        found.setdefault(_group_key(member), []).append(member)
    return [_group(tuple(group)) for group in found.values()]


def stem_of(name: str) -> str:
    """Return a member's name without its extensions, as the name of a table."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + (_EXTENSIONS.sub("", base) or base)


def shape_of(name: str) -> str:
    """Return what the files of one shapefile have in common: the path up to the first dot, whatever its case."""
    folder, slash, base = name.lower().rpartition("/")
    return folder + slash + base.split(".")[0]


def pattern_of(group: Group) -> str:
    """Return what the members of a group are called together."""
    root, values = partition_of(group.members[0].name)
    folders = [*([root] if root else []), *(f"{key}=*" for key in values)]
    return "/".join([*folders, "*"])


def _group_key(member: Member) -> object:
    root, values = partition_of(member.name)
    folder, _, base = member.name.rpartition("/")
    extension = _extension(base)
    if values:
        return ("partitioned", root, tuple(values), extension)
    if _PART.search(base):
        return ("parts", folder, _PART.sub("#", base), extension)
    if extension == "parquet":
        return ("parquet", folder)
    return ("alone", id(member))


def _group(members: tuple[Member, ...]) -> Group:
    first = members[0]
    root, values = partition_of(first.name)
    folder, _, base = first.name.rpartition("/")
    if values:
        return Group(root, members, tuple(values), sure=True)
    if len(members) == 1:
        return Group(stem_of(first.name), members)
    sure = bool(_PART.search(base))
    return Group(folder, members, sure=sure)


def _extension(base: str) -> str:
    found = re.findall(r"\.(parquet|pq|parq|csv|tsv|txt)\b", base.lower())
    return {"pq": "parquet", "parq": "parquet"}.get(found[-1], found[-1]) if found else base.rpartition(".")[2].lower()
