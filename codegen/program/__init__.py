"""The standalone training program."""
