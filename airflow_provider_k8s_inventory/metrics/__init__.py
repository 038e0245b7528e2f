"""Metrics of scopes: one table of what there is, in `declared`; their values so far, in `series`; and as `text`.

Where they go is the caller's: Airflow's Stats in `transfers`, a file in `cli`.
"""
