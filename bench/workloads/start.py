"""Import, first start and later starts of the implementation."""

from starting import report_import, report_starts

report_import("import pixeltable")
report_starts("import pixeltable as pxt\npxt.list_tables()")
