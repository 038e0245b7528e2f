"""What the files around the package promise, held against what is there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from airflow_provider_k8s_inventory import model, resources
from airflow_provider_k8s_inventory.provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
TOP_LEVEL = {
    "airflow_provider_k8s_inventory", "dags", "tests", "pyproject.toml", "uv.lock", "Makefile", "docker-compose.yaml",
    "LICENSE", *DOCUMENTS,
}  # fmt: skip
BUILT = {"dist", "build"}


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_top_level_holds_what_a_newcomer_expects() -> None:
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there - BUILT == TOP_LEVEL


def test_the_example_dag_is_there_once() -> None:
    assert (ROOT / "airflow_provider_k8s_inventory/example_dags/k8s_inventory.py").samefile(
        ROOT / "dags/k8s_inventory.py"
    )


@pytest.mark.parametrize("name", resources.CATALOGUE)
def test_every_resource_and_its_table_are_in_the_readme(readme: str, name: str) -> None:
    assert f"`{name}`" in readme
    assert f"`{resources.CATALOGUE[name].table.name}`" in readme


@pytest.mark.parametrize("status", get_args(model.Status))
def test_every_status_is_in_the_readme(readme: str, status: str) -> None:
    assert f"`{status}`" in readme


@pytest.mark.parametrize("field", get_provider_info()["connection-types"][0]["conn-fields"])
def test_every_field_of_the_connection_is_in_the_readme(readme: str, field: str) -> None:
    assert f"`{field}`" in readme


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_make_targets_that_exist(document: str) -> None:
    assert set(re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text())) <= targets()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_link_to_files_that_exist(document: str) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_make_alone_prints_every_target() -> None:
    printed = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", printed, re.MULTILINE)) == targets()


def test_the_project_file_leaves_the_version_to_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert "version" not in project
