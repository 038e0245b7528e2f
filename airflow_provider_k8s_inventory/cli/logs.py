"""The log, which goes to standard error: lines for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

import click

from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.sync import logfields

_PACKAGE: Final = __name__.partition(".")[0]
_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
"""The attributes that every record has; others are fields."""

log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, with its fields and its traceback inside."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it in ASCII: a line has no character that a reader could take for its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def prepare() -> None:
    """Let people read warnings."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # It warns of every try; what a person must know is in the reports.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _choose(context: click.Context, parameter: click.Parameter, value: str) -> bool:
    """Log in JSON where that is asked for, and then also what is no warning."""
    as_json = value == "json"
    if as_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
        logging.captureWarnings(True)
        logging.getLogger(_PACKAGE).setLevel(logging.INFO)
    context.meta[__name__] = as_json
    return as_json


option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    callback=_choose,
    # Before the others are looked at, as those may be wrong.
    is_eager=True,
    expose_value=False,
    help="What goes to standard error: lines, or one JSON object a line, with a line for each scope.",
)


def is_json() -> bool:
    """Tell if the command that is run logs in JSON."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(__name__))


def say(message: str, *, err: bool, level: int = logging.INFO, **fields: Any) -> None:
    """Print a line, which on standard error may have to be JSON.

    :param err: whether it is for standard error.
    :param fields: further fields of the JSON.
    """
    if err and is_json():
        log.log(level, "%s", message, extra=fields)
    else:
        click.echo(message, err=err)


def ended(report: SyncReport) -> None:
    """Log how a scope ended, where programs read it; people get a table."""
    if is_json():
        level = logging.INFO if report.good else logging.ERROR
        log.log(level, "%s: %s", report.scope, report.status, extra=logfields.ended(report))
