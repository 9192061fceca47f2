"""A derivative step by step, as a lecture derives it; its documents and its numerical proof."""
