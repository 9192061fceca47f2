"""A matrix read from its labels: blocks, Kronecker, Gram, low rank; what such a matrix does."""
