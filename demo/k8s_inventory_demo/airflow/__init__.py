"""The Airflow of the demo: its settings, its processes, one run of its DAG, its REST API."""
