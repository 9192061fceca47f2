"""A graph cut into the steps, terms and small edits that people would name."""
