"""``python -m tests.benchmarks``: the one command, and what may be chosen."""
from __future__ import annotations
import sys, tempfile
from pathlib import Path
from airflow_provider_k8s_inventory.demo.postgres import PostgresServer
from tests.benchmarks import cases, clusters
from tests.benchmarks.model import Results
from tests.benchmarks.stage import Stage
r=Results()
with PostgresServer() as server, tempfile.TemporaryDirectory() as t, (clusters.real if sys.argv[1]=='real' else clusters.simulated)(Path(t)/'') as c:
    with Stage(c, server.create_database('bench'), Path(t)) as stage:
        cases.run(stage, r, cases.CASES, sizes=[int(x) for x in sys.argv[3:]], runs=int(sys.argv[2]), say=lambda x: print(x, flush=True))
for (k,s),ms in r.measurements.items():
    m=ms[-1]; print(k,s,round(r.seconds(k,s),2),'cpu',round(m.cpu,2),'imp',round(m.imports,2),'mem',round(m.memory,1),dict(m.facts))
