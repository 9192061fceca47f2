"""Formulas of other libraries, to and fro."""
