"""The programs of a control plane: where they are, the files they read, and the arguments they are started with.

`.ci/build-control-plane` builds them; `control_plane` starts them in the right order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kit import go_programs


def find() -> Path:
    """Find the folder of the programs: $KUBEBUILDER_ASSETS, or what `.ci/build-control-plane` built.

    :raises FileNotFoundError: there are none.
    """
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        return Path(given)
    if built := go_programs.folder():
        return built
    raise FileNotFoundError("no control plane is built: run .ci/build-control-plane, or set KUBEBUILDER_ASSETS")


def write_files(folder: Path, tokens: Mapping[str, str], admin: str) -> None:
    """Write the tokens of all users and the key that signs the tokens of service accounts."""
    rows = [f'{token},{user},{user},"{"system:masters" if user == admin else ""}"' for user, token in tokens.items()]
    (folder / "tokens.csv").write_text("\n".join(rows))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "service-accounts.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


def etcd(folder: Path, url: str, peer_url: str) -> list[str]:
    """Arguments of an etcd that is alone, and fast rather than safe from a power cut."""
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(folder: Path, port: int, etcd_url: str, feature_gates: Mapping[str, bool]) -> list[str]:
    """Arguments of an API server that makes its own certificate and knows its users by the tokens of `write_files`."""
    gates = ",".join(f"{gate}={str(on).lower()}" for gate, on in feature_gates.items())
    return [
        f"--etcd-servers={etcd_url}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'service-accounts.key'}",
        f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Nothing but a controller makes the service accounts that this plugin demands of every pod.
        "--disable-admission-plugins=ServiceAccount",
        "--shutdown-delay-duration=0s",
        *([f"--feature-gates={gates}"] if gates else []),
    ]


def controller_manager(folder: Path, kubeconfig: Mapping[str, object]) -> list[str]:
    """Arguments of a controller manager that runs every controller a cluster without nodes has use for."""
    path = folder / "controllers.kubeconfig"
    path.write_text(json.dumps(kubeconfig))
    return [
        f"--kubeconfig={path}",
        f"--service-account-private-key-file={folder / 'service-accounts.key'}",
        f"--root-ca-file={folder / 'certificates' / 'apiserver.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
