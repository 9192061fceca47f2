"""Is a formula right, and if not, what is wrong with it?

A claim and the right formula come in, a verdict goes out: equal or not, the simplest mistake that explains the
difference, a counterexample. Begin with `verification.py` (`sg.verify`); then a claim is read (`claims.py`), tried at
random points (`trial.py`) and explained (`diagnosis.py`). Mistakes are edits of a graph, in `graphs/pieces/`; whether a
derivation is right is proved in `derivations/proof.py`.
"""
