"""Kinds of index: how each is stored, kept and searched."""
