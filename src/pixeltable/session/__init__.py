"""The only owner of state, and the use cases that work on it."""
