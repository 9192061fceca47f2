"""Array libraries as data: what differs from one to the next.

A `Library` has its imports, the name of its array module, names for rows and calls, helper functions that it lacks,
what wraps a function so that infinities pass in silence, and the words in which its arrays are put, got, reduced and
written to. What CuPy does otherwise than NumPy (read in the sources of CuPy 14.2): no `vecdot`, no `reduce` and `at` of
ufuncs, no `out=` of einsum; results without axes stay arrays on the device; a matrix that cannot be inverted gives
infinities and not an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.codegen.python.helpers import CUPY_HELPERS, HELPERS
from symgrad.codegen.python.special import CUPY_NAMES

CALLS: Mapping[str, str] = MappingProxyType({
    "inverse": "linalg.inv({})", "solve": "linalg.solve({})", "det": "linalg.det({})",
    "logdet": "linalg.slogdet({})[1]", "cholesky": "linalg.cholesky({})",
    "eigvalsh": "linalg.eigvalsh({})",
    "argsort": 'argsort({}, kind="stable")',
})


@dataclass(frozen=True)
class Library:
    """A spelling: everything that differs from one array library to the next."""

    name: str
    np: str  # what the array module is called
    imports: tuple[tuple[str, str], ...]  # lines, each with the word for which it is needed
    rows: Mapping[str, str]  # elementwise functions that are not the module's function of their name
    calls: Mapping[str, str]  # functions of whole arrays in the module whose call is not that of their name
    helpers: Mapping[str, str]  # functions the library lacks, by row: their text
    quiet: str | None  # the decorator under which infinities and NaN pass in silence
    taken: tuple[str, ...] = ()  # names that its imports give a meaning, beside np
    put: str = "{}"  # a NumPy array where the library computes
    get: str = "np.asarray"  # what makes a NumPy array of one
    scalars: bool = True  # is a number a scalar, and no array without axes?
    out: tuple[str, ...] = ("vecdot", "einsum")  # calls that fill a given array
    reduction: str = "{np}.{ufunc}.reduce({arg}, axis={axis}, out={out}{more})"
    columns: str | None = "{np}.dot({ones}, {arg}, out={out})"  # a sum down the columns, where a product is faster
    diagonal: str = "np.einsum({pattern}, {array})"  # a diagonal that is written to
    masked: bool = True  # is where=, of what is copied into an array, one pass over it?
    subtracts: bool = True  # from real numbers, at places that may be repeated

    def import_lines(self, body: str) -> str:
        """The imports that a text needs; numbers that are no arrays are NumPy's in every library."""
        needed = [line for word, line in self.imports if re.search(rf"(?<![\w.]){re.escape(word)}", body)]
        return "\n".join(needed)


NUMPY = Library("numpy", "np", (("", "import numpy as np"),),
                MappingProxyType({"hypotenuse": "np.hypot", "round": "np.rint"}), CALLS, HELPERS,
                '@np.errstate(all="ignore")')
CUPY = Library(
    "cupy", "cp",
    (("", "import cupy as cp"), ("cupyx.scipy.special", "import cupyx.scipy.special"), ("np.", "import numpy as np")),
    MappingProxyType({"hypotenuse": "cp.hypot", "round": "cp.rint", "erf": "cupyx.scipy.special.erf", **CUPY_NAMES}),
    MappingProxyType({**CALLS, "dot": "vdot({})",
                      "vecdot": 'einsum("...i,...i->...", {})'}), CUPY_HELPERS, None, taken=("cp", "cupyx"),
    put="cp.asarray({})", get="cp.asnumpy", scalars=False, out=(),
    reduction="{np}.{op}({arg}, axis={axis}, out={out}{more})", columns=None,  # dot would copy what is not contiguous
    diagonal="_diagonal({array}, {axes})", masked=False, subtracts=False)
