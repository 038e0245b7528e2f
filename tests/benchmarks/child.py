"""The process of one measurement: ``python -m tests.benchmarks.child``, its order on standard input as JSON.

It imports the probe, and counts from then on; who gives the order is `measuring`.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
import time
from dataclasses import asdict

from tests.benchmarks import memory
from tests.benchmarks.model import Measurement, Place


def main() -> None:
    """Measure, and answer with the measurement as JSON."""
    # Airflow logs to standard output, which is ours: the answer only.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order = json.load(sys.stdin)
    probe = pkgutil.resolve_name(order["probe"])
    place = Place(**order["place"])
    imports, baseline = time.process_time(), memory.reset_peak()
    started = time.monotonic()
    facts = probe(place, **order["options"])
    measurement = Measurement(
        seconds=time.monotonic() - started,
        cpu=time.process_time() - imports,
        imports=imports,
        memory=memory.peak() - baseline,
        facts=facts,
    )
    json.dump(asdict(measurement), answer)
    answer.close()


if __name__ == "__main__":
    main()
