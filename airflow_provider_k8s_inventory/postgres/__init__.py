"""How we write: one scope, one transaction.

`connecting` opens a connection, `rights` asks what it lets us do, `schemas` says which schemas can be used,
`migrations` makes the tables, `locking` keeps two syncs of a scope apart, `loading` brings rows into a table, `ledger`
remembers every sync, and `statements` composes their SQL. Nothing here knows Kubernetes.
"""
