"""A graph as people read it: a formula, several lines, words."""
