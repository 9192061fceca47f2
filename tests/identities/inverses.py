"""Inverses, solutions of linear systems, pseudo-inverses."""

ROWS = []
