"""Where the values of a graph live in a picture: the clusters of layers, and leaves that are drawn at each use.

A layer is an affine value, its activation, and what follows entry by entry. A parameter that several layers
share stands in each of them, as a matrix stands in every formula that uses it: one picture of a recurrence is
then a chain, and not a knot.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.drawing.pictures.picture import Cluster
from symgrad.graphs import ops
from symgrad.graphs.pieces.boxes import Box
from symgrad.graphs.pieces.images import is_convolution

LEAVES = ("data", "parameter", "constant")
MANY = 4            # uses from which on a parameter or constant is drawn at each, also without layers


class Homes:
    """Clusters, and a key for each place of each value; read only."""

    def __init__(self, found: Sequence[Box]) -> None:
        self.found = found
        self._users: dict[Box, list[Box]] = {value: [] for value in found}
        for value in found:
            for operand in value.operands:
                self._users[operand].append(value)
        self._layer: dict[Box, int] = {}
        for value in found:
            layer = self._layer_of(value)
            if layer is not None:
                self._layer[value] = layer
        self.clusters = self._titled()
        if not self.clusters:
            self._layer = {}
        self.spread = {value for value in found if self._is_spread(value)}

    def key(self, value: Box, user: Box | None = None) -> str:
        """The key of a value, or of the copy that `user` uses."""
        if user is None or value not in self.spread or user is self._users[value][0]:
            return f"v {value.name}"
        return f"v {value.name} in {user.name}"

    def places(self, value: Box) -> list[tuple[str, str | None]]:
        """All keys of a leaf, with their clusters."""
        if value not in self.spread:
            return [(self.key(value), self.cluster(value))]
        return [(self.key(value, user), self.cluster(user)) for user in self._users[value]]

    def cluster(self, value: Box) -> str | None:
        """The cluster of a value (of a leaf: of its first copy)."""
        if value.kind in ("parameter", "constant"):
            homes = {self._layer.get(user) for user in self._users[value]}
            if value in self.spread:
                return self.cluster(self._users[value][0])
            return f"layer {homes.pop()}" if len(homes) == 1 and None not in homes else None
        return f"layer {self._layer[value]}" if value in self._layer else None

    def _layer_of(self, value: Box) -> int | None:
        if value.kind in ("affine", "activation"):
            return value.layer
        solid = [o for o in value.operands if o.kind not in LEAVES]
        if value.kind != "operation" or len(solid) != 1 or solid[0].leaf.shape != value.leaf.shape:
            return None
        return self._layer.get(solid[0])

    def _is_spread(self, value: Box) -> bool:
        users = self._users[value]
        if value.kind not in ("parameter", "constant") or len(users) < 2:
            return False
        return len({self._layer.get(user) for user in users}) > 1 or len(users) >= MANY

    def _titled(self) -> list[Cluster]:
        rows: dict[int, list[Box]] = {}
        for value, layer in self._layer.items():
            rows.setdefault(layer, []).append(value)
        if len(rows) < 2 and all(len(members) < 2 for members in rows.values()):
            return []
        titles = []
        for number, members in sorted(rows.items()):
            functions = [str(v.local.attrs[0]) if v.local.op is ops.ELEMENTWISE else v.local.op for v in members
                         if v.kind == "activation" or v.kind == "operation" and v.local.op is ops.ELEMENTWISE]
            first = "convolution" if any(v.kind == "affine" and is_convolution(v.local) for v in members) else "affine"
            titles.append(Cluster(f"layer {number}", ", ".join([f"layer {number}: {first}", *functions])))
        return titles
