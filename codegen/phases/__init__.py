"""From a plan to phases: which steps of a function can run at once, and where all must wait for each other.

In come the stored steps of a function (`plan/storage.py`), out come units, phases and memory, without a line of text and
without a GPU. Begin in `units.py`. What a kernel looks like does not belong here: that is `codegen/cuda/`.
"""
