"""Fetching Kafka: once however many ask, verified, and with what is missing said by name. No network is needed here."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform_stack.builds import default_build_dir
from dataplatform_stack.errors import StackError
from dataplatform_stack.services.kafka import java
from dataplatform_stack.services.kafka.jars import CHECKSUMS, ensure_jars, verify


@pytest.fixture(scope="module")
def jars() -> Path:
    return ensure_jars(default_build_dir())


def _maven(folder: Path, body: str) -> Path:
    """Write a command that stands in for Maven; `$target` is where the jars are wanted."""
    script = folder / "maven"
    script.write_text(
        f'#!/bin/sh\nfor word in "$@"; do case $word in -DoutputDirectory=*) target=${{word#*=}};; esac; done\n{body}\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def test_jars_are_fetched_once_when_many_ask_at_once(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    script = _maven(
        tmp_path,
        f'echo called >> "{calls}"\nfor jar in "{jars}"/*.jar; do ln "$jar" "$target" || cp "$jar" "$target"; done',
    )
    monkeypatch.setenv("MAVEN", str(script))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ensure_jars(tmp_path / "build"), range(4)))
    assert len(set(found)) == 1
    assert calls.read_text() == "called\n"
    verify(found[0])


def test_a_jar_that_differs_is_named_and_nothing_is_kept(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = 'rm "$target"/kafka-clients-*.jar; echo evil > "$target"/kafka-clients-4.3.1.jar'
    body = f'ln -s "{jars}"/*.jar "$target"; {swap}'
    monkeypatch.setenv("MAVEN", str(_maven(tmp_path, body)))
    with pytest.raises(StackError, match=r"kafka-clients-4\.3\.1\.jar") as failure:
        ensure_jars(tmp_path / "build")
    assert failure.value.code == "jars_differ"
    assert not [folder for folder in (tmp_path / "build" / "kafka").iterdir() if not folder.name.endswith(".partial")]


def test_a_failing_maven_is_quoted(jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAVEN", str(_maven(tmp_path, "echo cannot resolve org.apache.kafka; exit 1")))
    with pytest.raises(StackError, match=r"cannot resolve org\.apache\.kafka") as failure:
        ensure_jars(tmp_path / "build")
    assert failure.value.code == "jars_not_fetched"


def test_what_is_missing_is_said_by_name_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAVA_HOME", "MAVEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    java.find_java.cache_clear()
    try:
        with pytest.raises(StackError) as failure:
            ensure_jars(tmp_path / "build")
    finally:
        java.find_java.cache_clear()
    assert "Java 17 or newer" in failure.value.message
    assert "apt-get install openjdk-17-jre-headless" in failure.value.message
    assert "apt-get install maven" in failure.value.message


@pytest.mark.parametrize(("banner", "version"), [("17.0.15", 17), ("1.8.0_392", 8), ("25", 25)])
def test_the_version_of_java_is_read_from_its_banner(tmp_path: Path, banner: str, version: int) -> None:
    fake = tmp_path / "java"
    fake.write_text(f"#!/bin/sh\necho 'openjdk version \"{banner}\" 2025-01-01' >&2\n")
    fake.chmod(0o755)
    assert java.major_version(fake) == version


def test_an_old_java_is_named_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "java"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", os.devnull)
    java.find_java.cache_clear()
    try:
        with pytest.raises(StackError, match="is version 11"):
            java.find_java()
    finally:
        java.find_java.cache_clear()


def test_every_checksum_belongs_to_one_jar() -> None:
    lines = [line.split() for line in CHECKSUMS.read_text().splitlines()]
    assert len({name for _, name in lines}) == len(lines) > 80
    assert all(len(checksum) == 64 for checksum, _ in lines)
