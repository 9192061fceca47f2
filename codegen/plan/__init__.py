"""What is computed in which order, where it is kept, what it costs.

Array expressions come in; steps with shapes, operations, bytes and lifetimes go out, printable and testable before
anything runs. Begin with `plan.py`, then `storage.py`, which decides what is an array of its own, `slots.py`, who shares
its memory (`lives.py` checks that nothing is read after another took its place), and `again.py`, what is computed again
in place of being kept. How a step is written is the business of `python/` and `c/`.
"""
