"""OpenLineage of a sync: the resources of a cluster that it read, and the tables that it wrote.

Airflow's OpenLineage provider asks for it after the task, and only where it is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    data_quality_metrics_input_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import COUNTS, SyncReport, Table

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.hooks.postgres import Place


def inputs(reports: Iterable[SyncReport]) -> Iterator[InputDataset]:
    """Make the dataset of each good scope whose cluster is known: ``deployments.apps`` of ``k8s://UID``.

    Its data-quality facet has the counts of the report.
    """
    for report in reports:
        if not (report.good and report.cluster_uid):
            continue
        definition = resources.CATALOGUE.get(report.resource)
        counts = {name: getattr(report, name) for name in COUNTS if name != "seen"}
        quality: Any = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics={}, rowCount=report.seen, bytes=report.bytes
        ).with_additional_properties(**counts, warnings=len(report.warnings), contextName=report.context_name)
        read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=report.seen, size=report.bytes)
        yield InputDataset(
            namespace=f"k8s://{report.cluster_uid}",
            name=definition.resource.name if definition else report.resource,
            inputFacets={"inputStatistics": read, "dataQualityMetrics": quality},
        )


def outputs(reports: Iterable[SyncReport], place: Place, schema: str) -> Iterator[OutputDataset]:
    """Make the dataset of each table of a good scope, as Airflow's PostgreSQL provider names it."""
    by_table: dict[str, list[SyncReport]] = {}
    for report in reports:
        if report.good:
            by_table.setdefault(resources.table_of(report.resource).name, []).append(report)
    for name, group in by_table.items():
        written = sum(report.inserted + report.updated for report in group)
        yield OutputDataset(
            namespace=f"postgres://{place.authority}",
            name=f"{place.database}.{schema}.{name}",
            facets={"schema": schema_dataset.SchemaDatasetFacet(fields=_fields(resources.table_of(group[0].resource)))},
            outputFacets={
                "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=written
                )
            },
        )


def _fields(table: Table) -> list[schema_dataset.SchemaDatasetFacetFields]:
    return [
        schema_dataset.SchemaDatasetFacetFields(name=column.name, type=column.type, description=column.comment)
        for column in table.columns
    ]
