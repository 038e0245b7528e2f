"""A Connection of Airflow becomes a client or a database connection: nothing below this layer knows Airflow."""
