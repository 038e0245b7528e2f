"""One HTTP client per context: pools, TLS, retries, bounds, and the errors of requests."""
