"""Writing PostgreSQL, and asking it: one scope is one transaction.

`connecting` opens a connection, `sessions` makes any one fit and opens its transactions, `silence` ends it when the
server is gone, `explaining` says what an error means. `rights` and `limits` ask what we may do, `schemas` says which
schemas can be used, `migrations` makes the tables, `locking` keeps two syncs of a scope apart, `loading` brings rows
into a table, `ledger` remembers every sync, and `statements` composes their SQL. Nothing here knows Kubernetes.
"""
