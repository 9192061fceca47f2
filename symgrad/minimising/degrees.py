"""Of which degree is a loss as a polynomial of its variables? Along every ray it is one of that degree at most."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.stationary.affine import MANY, degrees
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor


def ray_degree(loss: Tensor, variables: Sequence[Tensor]) -> int | None:
    """A bound of the degree of `loss` as a polynomial in all `variables` together; None where it is seen to be none.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> ray_degree((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [p]), ray_degree(sg.exp(p[0]), [p])
    (4, None)
    """
    (root,) = stable([loss])
    found = degrees([root], [x.node for x in variables])[root]
    return None if found >= MANY else found
