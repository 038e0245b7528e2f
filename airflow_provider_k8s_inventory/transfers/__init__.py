"""The operator that brings one scope from Kubernetes to PostgreSQL."""
