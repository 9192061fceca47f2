"""Phases as CUDA: one kernel that does whole training steps, and the Python around it.

Phases of `codegen/phases/` come in, a text of CUDA goes out that no header stands in, so that it compiles without a GPU
and runs on a CPU in the tests. Begin with `block.py` (the kernel around the phases), then `units.py` (who writes which
unit). Scalar expressions and index maps are those of `codegen/c/`.
"""
