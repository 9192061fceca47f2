"""Stationary points in closed form and what kind they are."""
