"""The primitives: how each is made and brought into normal form."""
