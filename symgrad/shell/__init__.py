"""The command `symgrad`."""
