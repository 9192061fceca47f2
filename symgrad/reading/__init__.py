"""Text into tensors; nothing is evaluated."""
