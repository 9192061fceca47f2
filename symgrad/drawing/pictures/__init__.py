"""Boxes, arrows and clusters as SVG, PDF, PNG; nothing here knows of tensors."""
