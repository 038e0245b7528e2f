"""Where contexts come from, and with them servers, certificates and credentials. Nothing here sends a request."""
