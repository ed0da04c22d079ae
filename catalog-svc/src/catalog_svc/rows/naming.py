"""Names of downloaded files."""

import re


def file_stem(name: str) -> str:
    """Return a table's name as a file name that no system minds; empty where nothing of it is left."""
    return re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]+', "_", name).strip(" .")[:100]
