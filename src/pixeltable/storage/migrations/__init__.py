"""The catalog's schema, as numbered migrations that alembic runs."""
