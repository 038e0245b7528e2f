"""The example DAG, where the wheel carries it: a link to `dags` of the checkout; ``k8s-inventory dag`` prints it."""
