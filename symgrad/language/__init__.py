"""What people write: tensors, symbols, operations."""
