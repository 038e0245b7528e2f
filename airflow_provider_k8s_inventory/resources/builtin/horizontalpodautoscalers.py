"""HorizontalPodAutoscalers: what is scaled, within which limits, and by what."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import condition, integer, json, resource, text, timestamp

DEFINITION = resource(
    "autoscaling/v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    text("target_kind", "spec.scaleTargetRef.kind"),
    text("target_name", "spec.scaleTargetRef.name"),
    integer("min_replicas", "spec.minReplicas"),
    integer("max_replicas", "spec.maxReplicas"),
    integer("replicas", "status.currentReplicas", missing=0),
    integer("desired_replicas", "status.desiredReplicas", missing=0),
    condition("able_to_scale", "AbleToScale"),
    condition("scaling_active", "ScalingActive"),
    condition("scaling_limited", "ScalingLimited"),
    problems.by_conditions(
        {"AbleToScale": "False", "ScalingActive": "False"}, "FailedGetScale, FailedGetResourceMetric"
    ),
    timestamp("last_scaled_at", "status.lastScaleTime"),
    json("metrics", "spec.metrics", missing=b"[]"),
    json("current_metrics", "status.currentMetrics", missing=b"[]"),
    short=("hpa",),
    # The API servers keep in them what autoscaling/v1 has no fields for: the status, and what the spec says as well.
    noise=(
        "status.currentMetrics",
        "metadata.annotations['autoscaling.alpha.kubernetes.io/conditions']",
        "metadata.annotations['autoscaling.alpha.kubernetes.io/current-metrics']",
        "metadata.annotations['autoscaling.alpha.kubernetes.io/metrics']",
        "metadata.annotations['autoscaling.alpha.kubernetes.io/behavior']",
    ),
)
