"""Expressions as frozen data: what they are made of and their types. How they run is their consumers' matter."""

# Imported for their effect: they give `Expr` its operators and methods.
from pixeltable.exprs import json_path, json_values, membership, operators, properties

__all__ = ["json_path", "json_values", "membership", "operators", "properties"]
