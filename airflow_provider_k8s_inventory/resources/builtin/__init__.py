"""The resources of Kubernetes with a table of their own: one module for each, its columns declared by path."""
