"""Simulated clusters as real HTTPS servers: one thread, one event loop, a port each.

How a server responds is in `server`, its objects are in `cluster`; the kubeconfig is written in `kubeconfig`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from k8s_inventory_demo.simulator import kubeconfig
from k8s_inventory_demo.simulator.certificates import Authority, Pair
from k8s_inventory_demo.simulator.cluster import Cluster
from k8s_inventory_demo.simulator.server import Server

T = TypeVar("T")

_HOST: Final = "127.0.0.1"
_LARGEST_BODY: Final = 3 * 1024 * 1024
"""Bytes; as the real server's limit."""
_PATIENCE: Final = 10
"""Seconds in which the loop starts or stops a server, unless something is very wrong."""


@dataclass
class _Served:
    cluster: Cluster
    authority: Authority
    port: int
    """0 until the first start chooses one."""
    runner: web.ServerRunner | None = field(default=None)
    servers: list[web.Server] = field(default_factory=list)
    """Of each start: a connection that is in its TLS handshake while its server stops gets it all the same."""


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """As aiohttp makes it, but for the size of bodies."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY)


class Simulator:
    """Serves clusters while its ``with`` block lasts.

    :param clusters: what to serve; each has a name of its own.
    :param folder: where certificates are kept, so that a later simulator has the same; ``None`` for new ones.
    :param ports: by cluster name; where none is given the system chooses one.
    """

    def __init__(
        self, clusters: Iterable[Cluster], *, folder: Path | None = None, ports: Mapping[str, int] | None = None
    ) -> None:
        self._served = {
            cluster.name: _Served(
                cluster=cluster,
                authority=Authority(cluster.name, folder and folder / cluster.name),
                port=(ports or {}).get(cluster.name, 0),
            )
            for cluster in clusters
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            for name in self._served:
                self.start(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __getitem__(self, name: str) -> Cluster:
        """Return a cluster by its name."""
        return self._served[name].cluster

    def start(self, name: str) -> None:
        """Serve a cluster, on the port it had before; nothing happens when it is served.

        :raises OSError: the port is taken.
        """
        self._run(self._start(self._served[name]))

    def stop(self, name: str) -> None:
        """Cut all connections to a cluster and refuse new ones; nothing happens when it is not served."""
        self._run(self._stop(self._served[name]))

    def close(self) -> None:
        """Stop everything."""
        for name in self._served:
            self.stop(name)
        self._run(self._cut())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, name: str) -> str:
        """Return the URL of a cluster."""
        return f"https://{_HOST}:{self._served[name].port}"

    def ca(self, name: str) -> bytes:
        """Return the certificate of a cluster's authority, PEM."""
        return self._served[name].authority.pair.certificate

    def token(self, name: str, user: str = "admin") -> str:
        """Return the bearer token of a cluster's user."""
        served = self._served[name]
        return served.cluster.users[user].token or served.authority.token(user)

    def client_certificate(self, name: str, user: str) -> Pair:
        """Make a certificate that proves a user to a cluster, whether or not it knows the user."""
        served = self._served[name]
        known = served.cluster.users.get(user)
        return served.authority.client(user, known.groups if known else ())

    def kubeconfig_document(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Make the kubeconfig of clusters: for each a context of its name, and one ``cluster-user`` for other users.

        :param names: which clusters; None: all.
        """
        document = kubeconfig.empty()
        for name in self._served if names is None else names:
            served = self._served[name]
            kubeconfig.add_cluster(document, name, self.url(name), served.authority.pair)
            for index, user in enumerate(served.cluster.users.values()):
                proof = self.client_certificate(name, user.name) if user.certificate else self.token(name, user.name)
                context = name if index == 0 else f"{name}-{user.name}"
                kubeconfig.add_context(document, context, name, f"{name}-{user.name}", proof)
        return document

    def kubeconfig(self, path: Path, names: Iterable[str] | None = None) -> Path:
        """Write the kubeconfig, readable by its owner only; certificates that are kept in files are named, not copied.

        :param names: which clusters; None: all.
        :returns: the path.
        """
        return kubeconfig.write(path, self.kubeconfig_document(names))

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(_PATIENCE)

    async def _start(self, served: _Served) -> None:
        if served.runner is not None:
            return
        server = Server(served.cluster, served.authority.token)
        # With cancellation, a watch ends when its client leaves instead of at its next line.
        web_server = web.Server(server.handle, request_factory=_request, handler_cancellation=True)
        runner = web.ServerRunner(web_server, shutdown_timeout=0.1)
        await runner.setup()
        context = served.authority.server_context()
        try:
            await web.TCPSite(runner, _HOST, served.port, ssl_context=context, reuse_address=True).start()
        except OSError:
            await runner.cleanup()
            raise
        served.port = runner.addresses[0][1]
        served.runner = runner
        served.servers.append(web_server)

    async def _stop(self, served: _Served) -> None:
        if (runner := served.runner) is None:
            return
        served.runner = None
        transports = _transports(served)
        await runner.cleanup()
        for transport in (*transports, *_transports(served)):
            transport.abort()  # not to wait for each client's farewell
        await asyncio.sleep(0)  # the loop closes aborted sockets in its next round

    async def _cut(self) -> None:
        """Cut what came while the servers stopped; of each connection in its TLS handshake, asyncio has a task."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for served in self._served.values():
            for transport in _transports(served):
                transport.abort()
        await asyncio.sleep(0)  # as above


def _transports(served: _Served) -> list[asyncio.Transport]:
    connections = (connection for server in served.servers for connection in server.connections)
    return [connection.transport for connection in connections if connection.transport is not None]
