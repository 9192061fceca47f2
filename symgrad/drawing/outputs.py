"""What is to be drawn: tensors, and lists and dicts of them, as one list; their sizes as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.rendering import spelled
from symgrad.graphs.sizes import Shape
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor


def flat(outputs: Iterable[Any]) -> list[Tensor]:
    """Tensors, lists and dicts of tensors as one list."""
    found: list[Tensor] = []
    for output in outputs:
        if isinstance(output, Mapping):
            found += flat(output.values())
        elif isinstance(output, (list, tuple)):
            found += flat(output)
        else:
            found.append(as_tensor(output, "graph"))
    return found


def sizes_text(shape: Shape, style: str) -> str:
    r"""Sizes as formulas are written: `H₁ × D`, in LaTeX `H_{1} \, \times \, D`.

    >>> import sympy
    >>> sizes_text((sympy.Symbol("H_1") + 1, 3), "unicode")
    '(H₁ + 1) × 3'
    """
    texts = [spelled(expression(size), [], False, style) for size in shape]
    if len(texts) > 1:
        texts = [f"({text})" if not isinstance(size, int) and size.is_Add else text
                 for text, size in zip(texts, shape, strict=True)]
    return (r" \, \times \, " if style == "latex" else " × ").join(texts)
