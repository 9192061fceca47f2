"""What is computed in which order, where it is kept, what it costs."""
