"""The package as Airflow and pip see it; run on the checkout and on the installed wheel.

What the repository around it must look like is in `tests.unit.test_repository`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest

import airflow_provider_k8s_inventory
from airflow_provider_k8s_inventory.provider_info import get_provider_info

PACKAGE = "airflow_provider_k8s_inventory"
DISTRIBUTION = metadata.distribution("airflow-provider-k8s-inventory")
INFO = get_provider_info()


def entry_point(group: str) -> metadata.EntryPoint:
    (found,) = DISTRIBUTION.entry_points.select(group=group)
    return found


def named_modules() -> list[str]:
    """Every module the provider's dict names."""
    grouped = [INFO.get(key, []) for key in ("hooks", "operators", "sensors", "triggers")]
    modules = [module for group in grouped for entry in group for module in entry["python-modules"]]
    return modules + [transfer["python-module"] for transfer in INFO["transfers"]]


def imported_with(module: str) -> set[str]:
    """The top-level packages that a new interpreter has imported after this module."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def installed_files() -> list[str]:
    files = [str(file) for file in DISTRIBUTION.files or ()]
    if f"{PACKAGE}/model.py" not in files:
        pytest.skip("the checkout is installed, not a wheel")
    return files


def installed_wheel() -> Path:
    """The file that was installed: https://packaging.python.org/en/latest/specifications/direct-url/."""
    origin = json.loads(DISTRIBUTION.read_text("direct_url.json") or "{}")
    wheel = Path(unquote(urlsplit(origin.get("url", "")).path))
    if wheel.suffix != ".whl":
        pytest.skip("the checkout is installed, not a wheel")
    return wheel


def test_airflow_finds_the_provider_by_its_entry_point() -> None:
    assert entry_point("apache_airflow_provider").load()() == INFO


def test_the_console_script_exists() -> None:
    assert entry_point("console_scripts").name == "k8s-inventory"
    assert callable(entry_point("console_scripts").load())


def test_the_dict_is_what_airflows_schema_asks_for() -> None:
    spec = importlib.util.find_spec("airflow")
    assert spec
    (folder,) = [Path(place) for place in spec.submodule_search_locations or () if (Path(place) / "sdk").exists()]
    jsonschema.validate(INFO, json.loads((folder / "provider_info.schema.json").read_text()))


def test_the_providers_name_is_the_distributions_canonical_name() -> None:
    assert re.sub(r"[-_.]+", "-", DISTRIBUTION.name).lower() == INFO["package-name"] == DISTRIBUTION.name


@pytest.mark.parametrize("module", named_modules())
def test_a_module_the_dict_names_can_be_imported(module: str) -> None:
    importlib.import_module(module)


@pytest.mark.parametrize("connection_type", INFO["connection-types"], ids=lambda entry: entry["connection-type"])
def test_the_hooks_attributes_agree_with_the_connection_type(connection_type: dict[str, Any]) -> None:
    module, _, name = connection_type["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert hook.conn_type == connection_type["connection-type"]
    assert hook.hook_name == connection_type["hook-name"]
    assert hook.default_conn_name == f"{hook.conn_type}_default"
    assert hook.conn_name_attr in hook.__init__.__annotations__


def test_what_airflow_imports_at_every_start_is_light() -> None:
    heavy = {"airflow", "kubernetes", "kubernetes_asyncio", "psycopg", "urllib3", "msgspec", "yaml"}
    assert not imported_with(f"{PACKAGE}.provider_info") & heavy


@pytest.mark.parametrize("module", named_modules())
def test_no_task_imports_the_kubernetes_clients_before_it_needs_them(module: str) -> None:
    assert not imported_with(module) & {"kubernetes", "kubernetes_asyncio"}


def test_the_command_line_works_without_airflow() -> None:
    assert "airflow" not in imported_with(f"{PACKAGE}.cli")


def test_the_installed_version_is_the_packages() -> None:
    assert DISTRIBUTION.version == airflow_provider_k8s_inventory.__version__


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    places = {file.partition("/")[0] for file in installed_files() if not file.startswith("../")}
    assert places == {PACKAGE, f"{PACKAGE}-{DISTRIBUTION.version}.dist-info"}


def test_the_wheel_is_small() -> None:
    # 560 kB, of which 465 are modules, 21 the README and 70 the names of the files: each resource is one.
    assert installed_wheel().stat().st_size < 600_000


@pytest.mark.parametrize(
    "needed",
    [
        "py.typed",
        "postgres/migrations/0001_ledger.sql",
        "example_dags/k8s_inventory.py",
        "example_dags/k8s_inventory_changes.py",
        "example_dags/k8s_inventory_on_change.py",
        "example_dags/.airflowignore",
    ],
)
def test_the_wheel_holds_what_is_not_python(needed: str) -> None:
    assert f"{PACKAGE}/{needed}" in installed_files()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "k8s_inventory"),
        (("k8s_inventory_changes",), "k8s_inventory_changes"),
        (("k8s_inventory_on_change",), "k8s_inventory_on_change"),
    ],
)
def test_the_program_prints_the_example_dags(arguments: tuple[str, ...], name: str) -> None:
    example = importlib.util.find_spec(f"{PACKAGE}.example_dags.{name}")
    assert example
    assert example.origin
    done = subprocess.run([sys.executable, "-m", PACKAGE, "dag", *arguments], capture_output=True, check=True)
    assert done.stdout == Path(example.origin).read_bytes()
    assert f'dag_id="{name}"'.encode() in done.stdout


def test_the_wheel_holds_the_licence() -> None:
    assert any(file.endswith(".dist-info/licenses/LICENSE") for file in installed_files())
