"""Phases as CUDA: one kernel that does whole training steps, or a graph of kernels with products by a library; and the
Python around them.

Phases of `codegen/phases/` come in, a text of CUDA goes out that no header stands in, so that it compiles without a GPU
and runs on a CPU in the tests. Begin with `block.py` (the kernel around the phases), then `stages.py` (their order, with
those of recurrences) and `units.py` (who writes which unit). Scalar expressions and index maps are those of `codegen/c/`.
"""
