"""CronJobs: when jobs start, and when they last did."""

from __future__ import annotations

from airflow_provider_k8s_inventory.resources.declare import boolean, count, resource, template, text, timestamp

DEFINITION = resource(
    "batch/v1",
    "cronjobs",
    "CronJob",
    text("schedule", "spec.schedule"),
    text("time_zone", "spec.timeZone"),
    boolean("suspended", "spec.suspend", missing=False),
    count("active", "status.active", "The jobs that run now"),
    timestamp("last_scheduled_at", "status.lastScheduleTime"),
    timestamp("last_succeeded_at", "status.lastSuccessfulTime"),
    text("concurrency", "spec.concurrencyPolicy"),
    *template("spec.jobTemplate.spec.template"),
    short=("cj",),
)
