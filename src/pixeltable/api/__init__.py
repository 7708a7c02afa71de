"""What users hold: tables, views, queries, results, rows."""
