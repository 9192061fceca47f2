"""Where an expression is zero, in closed form."""
