"""From a query as written to the statement and the Python work that answer it."""
