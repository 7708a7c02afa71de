"""Run by alembic: hands the connection that `storage.migrate` opened to the migrations."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="pixeltable")
with context.begin_transaction():
    context.run_migrations()
