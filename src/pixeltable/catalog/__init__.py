"""Directories, tables, columns and indexes as records, and their place in the database."""
