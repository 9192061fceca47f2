"""Is a formula right, and if not, what is wrong with it?"""
