"""The example DAG, run by `dag.test` on simulated clusters and a real database."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Simulator, User

from airflow_provider_k8s_inventory import resources
from tests.airflow.bags import bag

pytestmark = [pytest.mark.usefixtures("metadata_database", "kubeconfig"), pytest.mark.timeout(180)]


def run(group_by: Any = "scope", **conf: Any) -> Any:
    dag = bag().dags["k8s_inventory"]
    dag.get_task("plan").group_by = group_by
    return dag.test(run_conf=conf)


def states(run_: Any) -> dict[str, str]:
    """By the task's name, or a mapped one's label."""
    return {
        instance.rendered_map_index or instance.task_id: str(instance.state) for instance in run_.get_task_instances()
    }


def counted(dsn: str, tables: str) -> list[int]:
    with psycopg.connect(dsn) as conn:
        return [conn.execute(f"SELECT count(*) FROM k8s_{table}".encode()).fetchall()[0][0] for table in tables.split()]


def test_two_clusters_are_in_the_tables(inventory: str, capfd: pytest.CaptureFixture[str]) -> None:
    ended = run()
    assert ended.state == "success"
    assert counted(inventory, "clusters namespaces pods deployments services crds") == [2, 8, 22, 5, 6, 0]
    assert "Sync completed successfully. Resources: 43, Errors: 0, Warnings: 0, Time: " in capfd.readouterr().out


def test_all_that_the_clusters_serve_is_in_the_tables(inventory: str, capfd: pytest.CaptureFixture[str]) -> None:
    ended = run(group_by="auto", resources=["*"])
    assert states(ended) == {
        **dict.fromkeys(("migrate", "plan", "report", "publish"), "success"),
        "dev · *": "success",
        "prod · *": "success",
    }
    assert counted(inventory, "clusters namespaces pods deployments services crds") == [2, 8, 22, 5, 6, 0]
    with psycopg.connect(inventory) as conn:
        synced = conn.execute("SELECT context_name, count(*) FROM k8s_scopes GROUP BY 1 ORDER BY 1").fetchall()
    assert synced == [(context, len(resources.CATALOGUE) - 1) for context in ("dev", "prod")]  # but secrets
    assert "Errors: 0, Warnings: 0, Time: " in capfd.readouterr().out


def test_one_bad_cluster_fails_its_own_tasks_and_the_run(
    inventory: str, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    simulator["dev"].add_user(User(name="admin", token="another"))
    ended = run(resources=["pods", "services"])
    assert ended.state == "failed"
    assert states(ended) == {
        "migrate": "success",
        "plan": "success",
        "dev · pods": "failed",
        "dev · services": "failed",
        "prod · pods": "success",
        "prod · services": "success",
        "report": "failed",
        "publish": "success",
    }
    assert counted(inventory, "pods services syncs") == [11, 3, 4]
    said = capfd.readouterr().out
    assert "1 of 2 clusters failed: dev (unauthorized, never good)" in said
    # Once in the ledger's words by each task, and once by the report.
    assert len(re.findall(r"dev · pods, services: unauthorized: .*context 'dev'.* \[never good\]", said)) == 1
    assert "Sync completed with errors. Resources: 14, Errors: 2, Warnings: 0" in said
    assert "::group::Scopes" not in said


def test_a_cluster_that_is_known_to_be_down_is_reported_and_fails_no_run(
    inventory: str, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    simulator["dev"].add_user(User(name="admin", token="another"))
    ended = run(resources=["pods", "services"], tolerate=["d*"])
    assert ended.state == "success"
    assert states(ended)["dev · pods"] == "failed"
    said = capfd.readouterr().out
    assert re.search(r"dev · pods, services: unauthorized \(tolerated\): .*context 'dev'", said)
    assert "Sync completed successfully. Resources: 14, Errors: 0" in said


def test_a_dead_cluster_is_asked_once_in_a_run(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].add_user(User(name="admin", token="another"))
    run(contexts=["dev"], resources=["pods", "services", "crds"])
    with psycopg.connect(inventory) as conn:
        first, *others = conn.execute("SELECT resource, reason FROM k8s_syncs ORDER BY id").fetchall()
    assert " ago: " not in first[1]
    assert len(others) == 2
    for _, reason in others:
        assert re.fullmatch(rf"{re.escape(first[1])} \(as \d+ s ago: dev · {first[0]}\)", reason)


def test_the_form_chooses_contexts_resources_and_what_happens_to_rows(inventory: str, simulator: Simulator) -> None:
    chosen = {"contexts": ["d*"], "resources": ["services"], "on_delete": "mark", "allow_mass_delete": True}
    run(**chosen)
    simulator["dev"].delete("services", "shop-web", "default")
    assert run(**chosen).state == "success"
    with psycopg.connect(inventory) as conn:
        found = conn.execute("SELECT context_name, count(*), count(deleted_at) FROM k8s_services GROUP BY 1").fetchall()
    assert found == [("dev", 3, 1)]


def test_a_name_that_no_cluster_serves_is_red_in_the_report_alone(
    inventory: str, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = run(resources=["ing", "ingressez.networking.k8s.io"])
    assert ended.state == "failed"
    assert states(ended) == {
        "migrate": "success",
        "plan": "success",
        **{f"{context} · ingresses": "success" for context in ("dev", "prod")},
        **{f"{context} · ingressez.networking.k8s.io": "success" for context in ("dev", "prod")},
        "report": "failed",
        "publish": "success",
    }
    said = capfd.readouterr().out
    assert (
        "ingressez.networking.k8s.io failed: no context serves it, and none ever did: correct the name; did you mean "
        "ingresses?"
    ) in said
    assert counted(inventory, "custom_resources") == [0]


def test_a_plan_that_fails_is_in_the_report(inventory: str, capfd: pytest.CaptureFixture[str]) -> None:
    ended = run(contexts=["nowhere"])
    assert ended.state == "failed"
    said = capfd.readouterr().out
    assert "no context 'nowhere'" in said
    assert re.search(r"plan failed: no context 'nowhere' in .*; it has ", said)
    assert "scopes" not in said[said.index("plan failed: ") :]
    assert states(ended) == {
        "migrate": "success",
        "plan": "failed",
        "sync": "upstream_failed",
        "report": "failed",
        "publish": "skipped",
    }


@pytest.mark.alters_database
def test_a_scope_the_ledger_does_not_take_fails_its_task_and_no_other_scope_of_it(
    inventory: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(inventory) as conn:
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no more of them'; END$$"
        )
        conn.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON k8s_syncs FOR EACH ROW"
            " WHEN (NEW.context_name = 'dev' AND NEW.resource = 'services') EXECUTE FUNCTION refuse()"
        )
    ended = run(group_by="context", resources=["pods", "services"])
    assert ended.state == "failed"
    assert states(ended)["dev · 2 resources"] == "failed"
    said = capfd.readouterr().out
    assert "1 of 2 clusters failed: dev (failed, never good); 1 of 4 scopes" in said
    assert re.search(r"dev · services: failed: 1 of 2 scopes failed: dev · services: failed: .*no more of them", said)
