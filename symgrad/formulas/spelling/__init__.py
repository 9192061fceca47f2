"""A presentation tree as text: one grammar, several alphabets."""
