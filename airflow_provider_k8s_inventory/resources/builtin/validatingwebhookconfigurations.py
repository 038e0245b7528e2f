"""ValidatingWebhookConfigurations: who refuses objects before they are stored."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import resource, texts

DEFINITION = resource(
    "admissionregistration.k8s.io/v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    texts("webhook_names", "webhooks[].name"),
    texts("failure_policies", "webhooks[].failurePolicy"),
    texts("service_namespaces", "webhooks[].clientConfig.service.namespace"),
    texts("service_names", "webhooks[].clientConfig.service.name"),
    texts("urls", "webhooks[].clientConfig.url"),
    namespaced=False,
)
