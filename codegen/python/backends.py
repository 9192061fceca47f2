"""Backends as data: what differs from one array library to the next.

A backend is a `Backend`: its imports, the name of its array module, names for rows and calls, helper functions
that it lacks, and what wraps a function so that infinities pass in silence. What CuPy does otherwise than NumPy
(read in the sources of CuPy 14.2): no `vecdot`, no `reduce` and `at` of ufuncs, no `out=` of einsum; results without
axes stay arrays on the device; a matrix that cannot be inverted gives infinities and not an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.codegen.python.helpers import CUPY_HELPERS, HELPERS

CALLS: Mapping[str, str] = MappingProxyType({
    "inverse": "linalg.inv({})", "solve": "linalg.solve({})", "det": "linalg.det({})",
    "logdet": "linalg.slogdet({})[1]", "cholesky": "linalg.cholesky({})",
})


@dataclass(frozen=True)
class Backend:
    """A spelling: everything that differs from one array library to the next."""

    name: str
    np: str  # what the array module is called
    imports: tuple[tuple[str, str], ...]  # lines, each with the word for which it is needed
    rows: Mapping[str, str]  # elementwise functions that are not the module's function of their name
    calls: Mapping[str, str]  # functions of whole arrays in the module whose call is not that of their name
    helpers: Mapping[str, str]  # functions the library lacks, by row: their text
    quiet: str | None  # the decorator under which infinities and NaN pass in silence
    device: bool = False  # arrays live in the memory of a GPU

    def import_lines(self, body: str) -> str:
        """The imports that a text needs; numbers that are no arrays are NumPy's in every backend."""
        needed = [line for word, line in self.imports if re.search(rf"(?<![\w.]){re.escape(word)}", body)]
        return "\n".join(needed)


NUMPY = Backend("numpy", "np", (("", "import numpy as np"),), MappingProxyType({}), CALLS, HELPERS,
                '@np.errstate(all="ignore")')
CUPY = Backend(
    "cupy", "cp",
    (("", "import cupy as cp"), ("cupyx.scipy.special", "import cupyx.scipy.special"), ("np.", "import numpy as np")),
    MappingProxyType({"erf": "cupyx.scipy.special.erf"}),
    MappingProxyType({**CALLS, "vecdot": 'einsum("...i,...i->...", {})'}), CUPY_HELPERS, None, device=True)
BACKENDS: Mapping[str, Backend] = MappingProxyType({"numpy": NUMPY, "c": NUMPY, "cupy": CUPY})  # C has NumPy around it
