"""Writing PostgreSQL, and asking it: one scope is one transaction.

`connecting` opens a connection, `sessions` makes any one fit and opens its transactions, `silence` ends it when the
server is gone, `explaining` says what an error means. `rights` and `limits` ask what we may do, `schemas` says which
schemas can be used, `migrations` makes the tables, `locking` keeps two syncs of a scope apart. `target` names the rows
of a scope, `staging`, `listed`, `diff` and `rows` change them. `scopes` keeps the state of each scope, `ledger` logs
every sync, `freshness` and `inventoried` ask. Nothing here knows Kubernetes.
"""
