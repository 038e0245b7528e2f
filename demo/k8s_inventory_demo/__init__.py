"""The demo: a database and two clusters on one machine, out of nothing but this package and its dependencies."""
