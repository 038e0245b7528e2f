"""The trigger that starts a run when something moved in a cluster; it never writes a row."""
