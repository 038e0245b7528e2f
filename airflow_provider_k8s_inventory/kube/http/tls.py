"""Verify the API server of one context by the authorities it is to trust.

Every context has an `ssl.SSLContext` of its own, so that nothing one cluster asks for touches another.
"""

from __future__ import annotations

import ssl

from airflow_provider_k8s_inventory.exceptions import UnreachableError
from airflow_provider_k8s_inventory.kube.sources import certificates, pem
from airflow_provider_k8s_inventory.kube.sources.certificates import reason_of


def server_context(
    *, owner: str, ca_file: str | None, ca_data: str | None, insecure: bool, system_roots: bool = False
) -> ssl.SSLContext:
    """Make the TLS context that verifies a server.

    :param owner: the owner, for messages.
    :param ca_file: the file with the certificates to trust.
    :param ca_data: their PEM text; wins over the file. With neither, the system's are trusted.
    :param insecure: verify nothing.
    :param system_roots: trust the system's certificates too.
    :raises UnreachableError: when the CA cannot be read.
    """
    # Not `ssl.create_default_context`: from Python 3.13 it sets VERIFY_X509_STRICT, which refuses the CAs of many
    # clusters for lack of an authority key identifier. https://github.com/kubernetes-client/python/issues/2394
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # As Go: any certificate of the file may be the anchor, and common names are no host names.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if system_roots or not (ca_data or ca_file):
        context.load_default_certs()
    if ca_data or ca_file:
        _trust(context, owner, ca_file, ca_data)
    return context


def _trust(context: ssl.SSLContext, owner: str, ca_file: str | None, ca_data: str | None) -> None:
    """Trust every certificate of a CA that can be read, as Go's `CertPool.AppendCertsFromPEM`: one must be."""
    where = "certificate-authority-data" if ca_data else f"certificate-authority {ca_file}"
    try:
        found = pem.certificates(ca_data or certificates.content(ca_file or ""))
    except OSError as error:
        raise UnreachableError(
            f"{owner}: the CA in {where} cannot be read: {reason_of(error)}",
            advice="check that this machine's user may read it, or embed it in the kubeconfig "
            "(kubectl config view --flatten)",
        ) from error
    problem: OSError | ValueError = ValueError()
    trusted = 0
    for certificate in found:
        try:
            context.load_verify_locations(cadata=certificate)
            trusted += 1
        except (OSError, ValueError) as error:
            problem = error
    if not trusted:
        raise UnreachableError(
            f"{owner}: the CA in {where} cannot be read: {reason_of(problem)}",
            advice="check that it holds certificates in PEM",
        ) from problem
