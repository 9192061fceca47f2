"""Nodes to array expressions; no text."""
