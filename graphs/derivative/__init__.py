"""One rule per primitive, the reverse pass, which entries a derivative needs."""
