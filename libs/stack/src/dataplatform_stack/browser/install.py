"""Chromium from the npm package @sparticuz/chromium: fetched as locked, unpacked once into the build folder.

The package holds the headless shell for Linux on x86-64 with the libraries and the font it needs, so that neither root
nor a package manager is needed. Elsewhere DATAPLATFORM_BROWSER names a Chromium or Chrome that is installed.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from dataplatform_stack.builds import build_once
from dataplatform_stack.errors import StackError
from dataplatform_stack.node import NODE, install_locked

_HERE = Path(__file__).parent
LOCK = _HERE / "package-lock.json"
_PACKED = Path("node_modules") / "@sparticuz" / "chromium" / "bin"
# Brotli is in Node's standard library, not in Python's.
_UNPACK = """
const {createReadStream, createWriteStream} = require("node:fs");
const {pipeline} = require("node:stream");
const [packed, unpacked] = process.argv.slice(1);
const decompress = require("node:zlib").createBrotliDecompress();
pipeline(createReadStream(packed), decompress, createWriteStream(unpacked), (fault) => { if (fault) throw fault; });
"""
# The package's own file looks for its font where a cloud function has it; the machine's fonts bring other characters.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """Where the browser's program is, and the environment variables it needs."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)


def ensure_chromium(build_dir: Path) -> Chromium:
    """Return a Chromium, unpacking it first where needed (70 MB to fetch, 210 MB on disk, a few seconds).

    `StackError("browser_unavailable")` where the package has none for this machine and DATAPLATFORM_BROWSER is not set.
    """
    if configured := os.environ.get("DATAPLATFORM_BROWSER"):
        return Chromium(Path(configured))
    if sys.platform != "linux" or platform.machine() != "x86_64":
        message = "missing: a browser for tests; set DATAPLATFORM_BROWSER to the program of a Chromium or Chrome"
        raise StackError("browser_unavailable", message)
    folder = build_once(build_dir, "browser", hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12], _make)
    environment = {"LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    return Chromium(folder / "chromium", environment)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    install_locked(folder)
    program = folder / "chromium"
    _unpack(folder / _PACKED / "chromium.br", program)
    program.chmod(0o755)
    for name in ("al2023", "fonts", "swiftshader"):
        packed = folder / f"{name}.tar"
        _unpack(folder / _PACKED / f"{name}.tar.br", packed)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()
    (folder / "fonts.conf").write_text(_FONTS, encoding="utf-8")
    shutil.rmtree(folder / "node_modules")


def _unpack(packed: Path, unpacked: Path) -> None:
    subprocess.run([str(NODE), "-e", _UNPACK, str(packed), str(unpacked)], check=True)  # noqa: S603 composed by us
