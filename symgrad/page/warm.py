"""What is answered where workers are made: what answers need is then open, compiled and warm before anybody asks.

`first` is done before the first worker is made, and short; `steps` are done where nobody waits for one.
"""

from __future__ import annotations

from collections.abc import Iterator

from symgrad.page.document import pieces
from symgrad.page.question import Question

FIRST = Question("sum((X @ w - y)**2)", wrt="w", claim="X.T @ (X @ w - y)")
MORE = (
    Question(r"\log\det S + tr(S^{-1} C)", wrt="S"), Question("softmax(z)"),
    Question("sum(max(0, 1 - y ⊙ (X w))²) + λ ‖w‖²", wrt="w"), Question("sum(huber(X w, y))", "X=n,d w=d y=n", "w"),
    Question("-sum(y ⊙ log(σ(X w)) + (1 - y) ⊙ log(1 - σ(X w)))", wrt="w"),
    Question("‖tanh(X W) v - y‖²", "X=n,d W=d,k v=k y=n", "W"),
    Question("(x - mean(x)) / sqrt(var(x) + ε)", "x=d ε=: positive", "x"))


def first() -> None:
    """The shortest way through everything."""
    for _ in pieces(FIRST):
        pass


def steps() -> Iterator[str]:
    """Further questions, one at a time."""
    for question in MORE:
        for part, _ in pieces(question):
            yield part
