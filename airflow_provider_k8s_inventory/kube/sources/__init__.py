"""Sources of contexts, with their servers, certificates and credentials. Nothing here sends a request."""
