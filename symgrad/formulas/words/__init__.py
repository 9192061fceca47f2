"""A presentation tree in English."""
