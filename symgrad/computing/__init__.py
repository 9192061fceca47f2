"""Tensors at numbers: functions of arrays, what is fed to them, where they run.

Begin with `functions.py` (`sg.function`): tensors and symbols in, a callable with its source and its plan out.
`backends.py` has a row for each backend, `feeding.py` is the one place where arrays of users are checked, `devices.py`
the one place that knows a GPU, `threads.py` the one that sets threads; `points.py` draws random arrays that keep what
symbols declare. What the source says is written in `codegen/`.
"""
