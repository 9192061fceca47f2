"""`MatrixForm`: a matrix with its structure, as data; `reading.py` reads it and `maps.py` computes with it."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.graphs.algebra.einsum import literal
from symgrad.graphs.algebra.flattening import Term
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape

DENSE, DIAGONAL, BLOCKS, KRONECKER = "dense", "diagonal", "block_diagonal", "kronecker"
GRAM, LOW_RANK, SUM = "gram", "diagonal_plus_low_rank", "sum"
Pair = tuple[tuple[int, ...], tuple[int, ...]]  # row axes and column axes that belong together


@dataclass(frozen=True, slots=True, eq=False)
class MatrixForm:
    """A matrix with its structure; axes: `batch`, then `rows`, then the columns.

    | kind                     | parts                         | nodes                                             |
    |--------------------------|-------------------------------|---------------------------------------------------|
    | diagonal                 |                               | the entries, with axes batch, rows                |
    | block_diagonal           | the block, batched over blocks|                                                   |
    | kronecker                | the factors                   |                                                   |
    | gram                     |                               | X: batch, summed axes, rows; s: batch, summed axes|
    | diagonal_plus_low_rank   | the diagonal and the rest     | U: batch, rows, r; V: batch, columns, r           |
    | sum                      | the terms                     |                                                   |

    `pairs` says which axes each part has (of blocks: the block axes, then those inside a block); `shared`
    counts summed axes: those behind the batch of the parts of a Kronecker product, those of X. `source` is the
    matrix as it was given, where that is at hand without a delta.
    """

    kind: str
    terms: tuple[Term, ...]
    shape: Shape
    batch: int
    rows: int
    parts: tuple[MatrixForm, ...] = ()
    pairs: tuple[Pair, ...] = ()
    shared: int = 0
    nodes: tuple[Node, ...] = ()
    source: Node | None = None

    @property
    def row_axes(self) -> range:
        """Behind the batch axes."""
        return range(self.batch, self.batch + self.rows)

    @property
    def column_axes(self) -> range:
        """Behind the row axes."""
        return range(self.batch + self.rows, len(self.shape))

    @property
    def square(self) -> bool:
        """Do rows and columns have the same axes?"""
        return self.shape[self.batch:self.batch + self.rows] == self.shape[self.batch + self.rows:]

    @property
    def identity(self) -> bool:
        """Is it the identity matrix?"""
        return self.kind == DIAGONAL and self.nodes[0] is literal(1, self.nodes[0].shape)
