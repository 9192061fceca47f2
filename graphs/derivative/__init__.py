"""Local derivatives: what each primitive makes of a cotangent, and which of its entries that needs.

A node and the cotangent of its value come in, the cotangents of its operands go out, as nodes. Begin with `rules.py`;
matrices are in `linear_rules.py`, what runs along an axis in `running_rules.py`, and `demand.py` says which entries
count. The pass that carries cotangents through a graph is `graphs/reverse.py`, one floor up: it finds the rules in the
rows of `graphs/table.py`.
"""
