"""Forward and backward in one picture."""
