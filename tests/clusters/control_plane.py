"""Boot a real Kubernetes control plane: etcd, kube-apiserver and, where there is one, kube-controller-manager.

Where the programs are and what they are told is in `programs`, how they are run in `processes`. There is no scheduler
and no kubelet: deployments get their replica sets and pods, and the pods stay Pending.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from tests.clusters import programs
from tests.clusters.processes import Process, free_port
from tests.kit.api import Api, ApiError
from tests.kit.waiting import wait_until

ADMIN = "admin"
BUILT_IN = (
    *(f"/api/v1/namespaces/{name}" for name in ("default", "kube-system", "kube-public", "kube-node-lease")),
    "/api/v1/namespaces/default/services/kubernetes",
)
"""What a new API server creates by itself, a moment after it says it is ready."""


class ControlPlane:
    """A control plane on loopback with its data in a folder; as a context manager it is booted and ended.

    :param folder: an empty folder for data, certificates and logs.
    :param bin: the folder of etcd, kube-apiserver and perhaps kube-controller-manager.
    :param users: names that can authenticate; they may do nothing until `restrict` says what.
    :param feature_gates: feature gates of the API server.
    :param arguments: further arguments of the API server.
    """

    def __init__(
        self,
        folder: Path,
        bin: Path,
        *,
        users: Sequence[str] = (),
        feature_gates: Mapping[str, bool] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.has_controllers = (bin / "kube-controller-manager").exists()
        self.ca_file = folder / "certificates" / "apiserver.crt"
        self._bin = bin
        self._port = free_port()
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._arguments = [*programs.api_server(folder, self._port, self._etcd, feature_gates or {}), *arguments]
        self._tokens = {user: secrets.token_hex() for user in (ADMIN, *users)}
        self._apis: dict[str, Api] = {}
        self._processes: dict[str, Process] = {}

    @property
    def server(self) -> str:
        """Its URL, the same as long as it lives."""
        return f"https://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, the last one started first."""
        # An API server waits for those who watch to end it, which controllers do not: so none is given much time.
        for api in self._apis.values():
            api.close()
        while self._processes:
            self._processes.popitem()[1].stop()

    def start(self) -> None:
        """Start the API server, if it is stopped, with the port, the certificate and the data it had before."""
        if "kube-apiserver" not in self._processes:
            process = self._run("kube-apiserver", self._arguments)
            process.wait_until(lambda: self.ca_file.exists() and self.api().ready())

    def stop(self) -> None:
        """Stop the API server only: its port refuses connections, and its data stays."""
        self._processes.pop("kube-apiserver").stop()

    def api(self, user: str = ADMIN) -> Api:
        """Speak to the API server as a user."""
        if user not in self._apis:
            self._apis[user] = Api(self.server, str(self.ca_file), self._tokens[user])
        return self._apis[user]

    def request(self, method: str, path: str, body: object = None, user: str = ADMIN) -> Any:
        """Send one request as a user and decode the answer; see `Api.request`."""
        return self.api(user).request(method, path, body)

    def kubeconfig(self, contexts: Mapping[str, str]) -> dict[str, Any]:
        """Write a kubeconfig of one context per user; the first one is current.

        :param contexts: the name of each context, and its user.
        """
        cluster = {"server": self.server, "certificate-authority": str(self.ca_file)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": next(iter(contexts)),
            "clusters": [{"name": name, "cluster": cluster} for name in contexts],
            "users": [{"name": name, "user": {"token": self._tokens[user]}} for name, user in contexts.items()],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        }

    def restrict(self, user: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> None:
        """Allow a user what these rules of a ClusterRole say, and nothing else; also what was allowed before is not."""
        group = "rbac.authorization.k8s.io"
        subject = {"apiGroup": group, "kind": "User", "name": user}
        role = {"apiGroup": group, "kind": "ClusterRole", "name": user}
        self._put(f"/apis/{group}/v1/clusterroles", user, {"rules": rules})
        self._put(f"/apis/{group}/v1/clusterrolebindings", user, {"roleRef": role, "subjects": [subject]})
        wait_until(lambda: self._allowed(user) == list(map(dict, rules)), f"the rules of {user} to be in force")

    def compact(self) -> None:
        """Make etcd forget all history, so that the continue tokens and resourceVersions handed out so far expire.

        The API server learns of it within 15 s (compactorPollPeriod of k8s.io/apiserver) and drops its snapshots; with
        the feature gate ListFromCacheSnapshot off it keeps none, and everything expires at once.
        """
        # In this key API servers tell each other what they compacted; writing it also makes a revision that is newer.
        key = base64.b64encode(b"compact_rev_key").decode()
        revision = int(self._ask_etcd("kv/range", {"key": key})["header"]["revision"]) + 1
        self._ask_etcd("kv/put", {"key": key, "value": base64.b64encode(str(revision).encode()).decode()})
        self._ask_etcd("kv/compaction", {"revision": revision, "physical": True})

    def _put(self, path: str, name: str, body: Mapping[str, Any]) -> None:
        """Create an object, or replace the one that has its name."""
        document = {"metadata": {"name": name}, **body}
        try:
            self.request("POST", path, document)
        except ApiError as error:
            if error.status != 409:
                raise
            self.request("PUT", f"{path}/{name}", document)

    def _allowed(self, user: str) -> list[dict[str, list[str]]]:
        """The rules a user is under, but for those that allow everybody to ask who they are and what they may."""
        review = {"spec": {"namespace": "default"}}
        answer = self.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, user)
        return [rule for rule in answer["status"]["resourceRules"] if not rule["apiGroups"][0].startswith("auth")]

    def _boot(self) -> None:
        programs.write_files(self.folder, self._tokens, ADMIN)
        etcd = self._run("etcd", programs.etcd(self.folder, self._etcd, f"http://127.0.0.1:{free_port()}"))
        etcd.wait_until(self._etcd_is_healthy)
        self.start()
        self._processes["kube-apiserver"].wait_until(self._built_in_objects_exist)
        if self.has_controllers:
            kubeconfig = self.kubeconfig({"controllers": ADMIN})
            self._run("kube-controller-manager", programs.controller_manager(self.folder, kubeconfig))

    def _run(self, name: str, arguments: Sequence[str]) -> Process:
        self._processes[name] = Process([str(self._bin / name), *arguments], self.folder / f"{name}.log")
        return self._processes[name]

    def _ask_etcd(self, method: str, body: Mapping[str, Any]) -> Any:
        answer = urllib3.request("POST", f"{self._etcd}/v3/{method}", json=body, timeout=10, retries=False)
        if answer.status != 200:
            raise ApiError(f"etcd {method}", answer.status, answer.data.decode())
        return answer.json()

    def _etcd_is_healthy(self) -> bool:
        try:
            return urllib3.request("GET", f"{self._etcd}/health", timeout=5, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _built_in_objects_exist(self) -> bool:
        try:
            for path in BUILT_IN:
                self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True
