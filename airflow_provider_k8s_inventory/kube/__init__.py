"""How Kubernetes is read: kubeconfigs, one HTTP client per context, discovery and lists.

What is kept of each resource is declared in `resources`; writing it down is in `postgres`.
"""
