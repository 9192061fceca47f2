"""What is NumPy's, told without opening NumPy: where nobody has imported it, nothing is of its kind."""

from __future__ import annotations

import sys
from typing import Any


def _is(value: Any, kind: str) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, vars(numpy).get(kind, ()))  # half imported, it has no kinds yet


def is_array(value: Any) -> bool:
    """Is `value` an array of NumPy?

    >>> import numpy as np
    >>> is_array(np.ones(2)), is_array([1.0, 1.0])
    (True, False)
    """
    return _is(value, "ndarray")


def is_truth_value(value: Any) -> bool:
    """Is `value` True or False, of Python or of NumPy?"""
    return isinstance(value, bool) or _is(value, "bool_")


def is_floating(value: Any) -> bool:
    """Is `value` a floating-point number, of Python or of NumPy?"""
    return isinstance(value, float) or _is(value, "floating")
