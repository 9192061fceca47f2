"""How a notebook shows what has a formula: LaTeX for those that set it, MathML for a page, text for a terminal."""

from __future__ import annotations

from typing import Any


class Shown:
    """Jupyter's protocol for something with a formula `latex()`."""

    __slots__ = ()

    def latex(self) -> str:
        """The formula in LaTeX."""
        raise NotImplementedError

    def _notation(self) -> str:
        """The same with all letters, also those that plain pdflatex does not have: what pages and notebooks set."""
        return self.latex()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self._notation()}$"

    def _repr_html_(self) -> str:
        from symgrad.formulas.spelling.mathml import mathml_of

        return mathml_of(self._notation(), block=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/latex": self._repr_latex_(), "text/html": self._repr_html_()}
