"""Running what SQL does not: expressions over columns of values."""
