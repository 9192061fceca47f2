"""Graphs into stable and shorter graphs."""
