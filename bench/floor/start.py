"""The floor of a start: import psycopg; make or start a PostgreSQL and answer one query."""

from starting import report_import, report_starts

report_import("import psycopg")
report_starts("from postgres import connect\nconnect().execute('SELECT 1')")
