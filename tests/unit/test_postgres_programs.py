"""Where the demo looks for PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from k8s_inventory_demo.postgres import programs as postgres_programs
from k8s_inventory_demo.postgres.programs import Programs

from airflow_provider_k8s_inventory.exceptions import DatabaseError


def installation(folder: Path, answer: str = "postgres (PostgreSQL) 16.2") -> Path:
    """A folder that looks like PostgreSQL's."""
    folder.mkdir(parents=True)
    for name in postgres_programs.NEEDED:
        (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_programs, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres_programs, "DEBIAN", tmp_path / "debian")


def test_pg_bin_comes_first(tmp_path: Path) -> None:
    chosen = installation(tmp_path / "chosen")
    assert postgres_programs.find({"PG_BIN": str(chosen)}) == Programs(chosen)


def test_a_pg_bin_without_postgres_is_an_error_and_no_reason_to_look_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=f"PG_BIN={tmp_path} does not hold initdb"):
        postgres_programs.find({"PG_BIN": str(tmp_path)})


@pytest.mark.usefixtures("nothing_installed")
def test_the_wheel_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = installation(tmp_path / "wheel_of_a_test" / "pginstall" / "bin")
    (tmp_path / "wheel_of_a_test" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(postgres_programs, "WHEEL", "wheel_of_a_test")
    assert postgres_programs.find({}) == Programs(programs)


@pytest.mark.usefixtures("nothing_installed")
def test_debians_newest_comes_before_the_path(tmp_path: Path) -> None:
    for version in ("9", "15", "17"):
        installation(tmp_path / "debian" / version / "bin")
    (tmp_path / "debian" / "18" / "bin").mkdir(parents=True)
    elsewhere = installation(tmp_path / "elsewhere")
    assert postgres_programs.find({"PATH": str(elsewhere)}) == Programs(tmp_path / "debian" / "17" / "bin")


@pytest.mark.usefixtures("nothing_installed")
def test_initdb_on_the_path_is_the_last_resort(tmp_path: Path) -> None:
    elsewhere = installation(tmp_path / "elsewhere")
    assert postgres_programs.find({"PATH": str(elsewhere)}) == Programs(elsewhere)


@pytest.mark.usefixtures("nothing_installed")
def test_a_machine_without_postgres_is_told_how_to_get_it() -> None:
    with pytest.raises(DatabaseError, match=r"apt-get install postgresql.*docker compose"):
        postgres_programs.find({"PATH": ""})


@pytest.mark.parametrize(
    ("answer", "major"),
    [("postgres (PostgreSQL) 18.6", 18), ("postgres (PostgreSQL) 15.18 (Debian 15.18-0)", 15),
     ("postgres (PostgreSQL) 19beta1", 19)],
)  # fmt: skip
def test_the_major_version_is_what_the_programs_say(tmp_path: Path, answer: str, major: int) -> None:
    assert Programs(installation(tmp_path / "bin", answer)).major == major


def test_programs_that_are_something_else_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="not PostgreSQL's way"):
        _ = Programs(installation(tmp_path / "bin", "hello")).major


def test_programs_that_do_not_run_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="does not run on this machine"):
        _ = Programs(tmp_path).major
