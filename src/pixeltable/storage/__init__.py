"""Rows in PostgreSQL: the embedded server, connections, migrations, heaps and the statements that write them."""
