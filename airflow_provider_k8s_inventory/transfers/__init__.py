"""The operator that brings one or several scopes of a context from Kubernetes to PostgreSQL."""
