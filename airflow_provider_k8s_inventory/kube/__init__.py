"""Read Kubernetes: where contexts come from, one HTTP client per context, discovery, lists and watches.

What becomes of the objects is not known here.
"""
