"""What the files around the package promise, held against what is there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from airflow_provider_k8s_inventory import model, resources
from airflow_provider_k8s_inventory.provider_info import get_provider_info
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.resources.shared import own_columns

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
TOP_LEVEL = {
    "airflow_provider_k8s_inventory", "dags", "demo", "docs", "tests", "pyproject.toml", "uv.lock", "Makefile",
    "docker-compose.yaml",
    "AGENTS.md", "LICENSE", *DOCUMENTS,
}  # fmt: skip
BUILT = {"dist", "build"}
FIRST = (*resources.DEFAULT, "nodes")
"""The resources whose columns are in the README."""


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_top_level_holds_what_a_newcomer_expects() -> None:
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there - BUILT == TOP_LEVEL


@pytest.mark.parametrize("name", ["k8s_inventory", "k8s_inventory_changes", "k8s_inventory_on_change"])
def test_an_example_dag_is_there_once(name: str) -> None:
    copy = ROOT / f"airflow_provider_k8s_inventory/example_dags/{name}.py"
    assert copy.samefile(ROOT / f"dags/{name}.py")


def tables(readme: str) -> dict[str, tuple[str, list[str]]]:
    """The README's table of resources: of each its table and its columns; what stands in brackets explains."""
    rows = re.findall(r"^\| (.*`.*) \| `(k8s_\w+)` \| (`.*) \|$", readme, re.MULTILINE)
    return {
        written: (table, re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", columns))) for written, table, columns in rows
    }


def test_the_readme_has_the_first_resources_with_their_tables_and_columns(readme: str) -> None:
    *declared, (_, others) = tables(readme).items()

    assert dict(declared) == {
        f"`{name}`": (definition.table.name, [column.name for column in own_columns(definition.table)])
        for name, definition in resources.CATALOGUE.items()
        if name in FIRST
    }
    assert [written for written, _ in declared] == [f"`{name}`" for name in FIRST]
    assert others == (custom.TABLE.name, [column.name for column in own_columns(custom.TABLE)])


def test_the_readme_names_every_other_resource_below_its_group(readme: str) -> None:
    table = readme.partition("| Group | Resources |\n|---|---|\n")[2].partition("\n\n")[0]
    written = re.findall(r"^\| `(\S+)` \| (.*) \|$", table, re.MULTILINE)
    found = {group: re.findall(r"`(\w+)`", names) for group, names in written}
    declared: dict[str, list[str]] = {}
    for name, definition in sorted(resources.CATALOGUE.items()):
        if name not in FIRST:
            declared.setdefault(definition.resource.group or "core", []).append(name)

    assert found == declared
    assert all(definition.table.name == f"k8s_{name}" for name, definition in resources.CATALOGUE.items())


def test_the_readme_has_the_groups_that_may_be_asked_for(readme: str) -> None:
    table = readme.partition("  | Group | Resources |\n  |---|---|\n")[2].partition("\n\n")[0]
    written = re.findall(r"^  \| `(\S+)` \| (.*) \|$", table, re.MULTILINE)

    assert {group: tuple(names.split(", ")) for group, names in written} == resources.GROUPS


def test_the_resource_that_contributing_adds_is_one_file_and_one_case() -> None:
    written = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add a resource")[2]
    (module, *_), (row,) = (re.findall(rf"```{kind}\n(.*?)```", written, re.DOTALL) for kind in ("python", "json"))
    declared: dict[str, Any] = {}
    exec(module, declared)
    columns = {column.name for column in declared["DEFINITION"].table.columns}

    assert len(module.splitlines()) <= 30
    assert columns - set(json.loads(row)) == {"context_name", "cluster_uid", "first_seen_at", "changed_at", "object"}


def rules() -> list[dict[str, Any]]:
    """The rules of the ClusterRole that SECURITY.md gives."""
    (block,) = re.findall(r"^```yaml\n(.*?kind: ClusterRole$.*?)^```", (ROOT / "SECURITY.md").read_text(), re.M | re.S)
    role: dict[str, Any] = next(yaml.safe_load_all(block))
    found: list[dict[str, Any]] = role["rules"]
    return found


def test_the_cluster_role_grants_what_is_declared_and_no_more() -> None:
    listed = [rule for rule in rules() if "list" in rule["verbs"]]
    granted = {(group, plural) for rule in listed for group in rule["apiGroups"] for plural in rule["resources"]}
    declared = [definition.resource for definition in resources.CATALOGUE.values() if definition.listed]

    assert granted == {(resource.group, resource.plural) for resource in declared} - {("", "secrets")}
    watched = {plural for rule in listed if "watch" in rule["verbs"] for plural in rule["resources"]}
    assert watched == {resource.plural for resource in declared if resource.watchable} - {"secrets"}
    assert {verb for rule in listed for verb in rule["verbs"]} == {"list", "watch"}
    assert [rule["resourceNames"] for rule in rules() if rule not in listed] == [["kube-system"]]


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


BROUGHT_BY = {
    # A distribution without modules of its own.
    "airflow": "apache-airflow",
    # The stock hook brings its own client.
    "kubernetes": "apache-airflow-providers-cncf-kubernetes",
}
"""Declared distributions that bring a module by depending on another one."""


def imported(folder: str) -> set[str]:
    """Collect the top-level modules that the code of a folder imports, our own and Python's left out."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"airflow_provider_k8s_inventory", "k8s_inventory_demo", "tests"}


def normalized(distribution: str) -> str:
    """Write a distribution's name as all of its spellings: PyYAML is pyyaml."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def declared(*requirements: str) -> set[str]:
    return {normalized(re.split(r"[\s\[<>=;~!]", each, maxsplit=1)[0]) for each in requirements}


def test_what_is_imported_is_declared() -> None:
    provider = tomllib.loads((ROOT / "pyproject.toml").read_text())
    demo = tomllib.loads((ROOT / "demo/pyproject.toml").read_text())["project"]["dependencies"]
    extras = provider["project"]["optional-dependencies"].values()
    own = [*provider["project"]["dependencies"], *chain.from_iterable(extras)]
    tests = [each for each in provider["dependency-groups"]["test"] if isinstance(each, str)]
    distributions = metadata.packages_distributions()
    missing = {
        (folder, module)
        for folder, names in {
            "airflow_provider_k8s_inventory": declared(*own),
            "demo": declared(*demo),
            "tests": declared(*own, *demo, *tests),
        }.items()
        for module in imported(folder)
        if not names & {*map(normalized, distributions.get(module, ())), BROUGHT_BY.get(module)}
    }

    assert missing == set()
