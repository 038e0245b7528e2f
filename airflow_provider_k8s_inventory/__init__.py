"""Keep a faithful, queryable PostgreSQL inventory of many Kubernetes clusters.

Airflow imports this module at every start of every component: the version lives here, nothing else does.
"""

__version__ = "0.1.0"
