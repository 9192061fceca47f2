"""Determinants and their logarithms."""

ROWS = []
