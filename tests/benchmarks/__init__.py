"""``make bench``: what syncs cost, against the bare list, the bare COPY and the plain Airflow way.

The front door is `__main__`. Nothing here is a test: figures are printed, and judged by who reads them.
"""
