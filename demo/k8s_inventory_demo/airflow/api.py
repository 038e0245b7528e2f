"""The few requests that the demo sends to Airflow's REST API; `ui` starts its server."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import urllib3

_TIMEOUT = 10
"""Seconds to wait for a response."""

_COMPONENTS = ("metadatabase", "scheduler", "dag_processor")


class AirflowApi:
    """The API of an Airflow that takes everybody for an administrator.

    :param url: where it is served; for example ``"http://127.0.0.1:8080"``.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def healthy(self) -> bool:
        """Tell if it responds, and all parts of it are at work."""
        try:
            parts = self._ask("GET", "/api/v2/monitor/health").json()
        except urllib3.exceptions.HTTPError:
            return False
        return all(parts.get(name, {}).get("status") == "healthy" for name in _COMPONENTS)

    def has_run(self, dag_id: str) -> bool:
        """Trigger the DAG unless it ran before; False while Airflow does not know it yet."""
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        response = self._ask("GET", f"{runs}?limit=1", headers=self._headers)
        if response.status == 200 and not response.json()["dag_runs"]:
            response = self._ask("POST", runs, headers=self._headers, json={"logical_date": None})
        return response.status == 200

    @cached_property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._ask('GET', '/auth/token').json()['access_token']}"}

    def _ask(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return urllib3.request(method, self._url + path, timeout=_TIMEOUT, retries=False, redirect=False, **options)
