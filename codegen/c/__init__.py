"""A plan as C, and the Python around it."""
