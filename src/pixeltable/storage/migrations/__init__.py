"""The catalog's schema as numbered scripts, run in order by `storage.migrate`; a released one never changes."""
