"""One HTTP client per context: pools, TLS, retries, bounds, and what a response or its absence means."""
