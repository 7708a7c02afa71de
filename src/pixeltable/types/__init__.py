"""Column types: what a cell may hold, how Python hints name it, how values are checked and inferred."""
