"""A plan as NumPy or CuPy."""
