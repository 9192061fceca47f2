"""A graph as a presentation tree: matrix notation to order two, indices beyond."""
