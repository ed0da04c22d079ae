"""Kafka's jars: fetched once by Maven from the pinned pom.xml, verified against jars.sha256, shared by all who run."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from dataplatform_stack.builds import build_once
from dataplatform_stack.errors import StackError
from dataplatform_stack.services.kafka.java import find_java_and_maven

_HERE = Path(__file__).parent
POM = _HERE / "pom.xml"
CHECKSUMS = _HERE / "jars.sha256"


def ensure_jars(build_dir: Path) -> Path:
    """Return the folder with Kafka's jars, fetching them first where needed (54 MB, a few seconds)."""
    return build_once(build_dir, "kafka", hashlib.sha256(CHECKSUMS.read_bytes()).hexdigest()[:12], _make)


def verify(folder: Path) -> None:
    """Raise `StackError("jars_differ")` unless the folder holds exactly the jars of jars.sha256."""
    lines = [line.split() for line in CHECKSUMS.read_text(encoding="ascii").splitlines()]
    expected = {name: checksum for checksum, name in lines}
    actual = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    differing = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    if differing:
        message = f"Kafka's jars are not those of jars.sha256: {', '.join(differing)}. Is a mirror serving other files?"
        raise StackError("jars_differ", message)


def _make(folder: Path) -> None:
    _fetch(folder)
    verify(folder)


def _fetch(folder: Path) -> None:
    java, maven = find_java_and_maven()
    folder.mkdir(parents=True)
    pom = folder / "pom.xml"
    shutil.copy(POM, pom)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    command = [str(maven), "-q", "-B", "-f", str(pom), *goal]
    environment = {"JAVA_HOME": str(java.resolve().parents[1]), **os.environ}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    pom.unlink()
    if result.returncode != 0:
        shutil.rmtree(folder)
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise StackError("jars_not_fetched", f"Maven could not fetch Kafka (is a repository reachable?):\n{tail}")
