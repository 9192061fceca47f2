"""Imported where workers are made: what an answer needs is then open, compiled and warm before anybody asks."""

from __future__ import annotations

from symgrad.page.document import pieces
from symgrad.page.question import Question

EXAMPLES = (Question("sum((X @ w - y)**2)", wrt="w", claim="X.T @ (X @ w - y)"), Question("softmax(z)"),
            Question(r"\log\det S + tr(S^{-1} C)", wrt="S"))


def warm() -> int:
    """Answer some questions and forget the answers; how many sections they have."""
    return sum(1 for question in EXAMPLES for _ in pieces(question))


READY = warm()
