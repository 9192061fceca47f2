"""Where the values of a graph live in a picture: the clusters of layers, and leaves that are drawn at each use.

A layer is an affine value, its activation, and what follows entry by entry; an attention, from its queries to what it
takes; a normalisation, from its mean to what is scaled and shifted. A parameter that several layers share stands in each
of them, as a matrix stands in every formula that uses it: one picture of a recurrence is then a chain, and not a knot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.drawing.pictures.picture import Cluster
from symgrad.graphs import ops
from symgrad.graphs.node import topological
from symgrad.graphs.pieces.boxes import Box, passes_on
from symgrad.graphs.pieces.images import is_convolution
from symgrad.graphs.pieces.statistics import mean_of, role

LEAVES = ("data", "parameter", "constant")
MANY = 4            # uses from which on a parameter or constant is drawn at each, also without layers


class Homes:
    """Clusters, and a key for each place of each value; read only."""

    def __init__(self, found: Sequence[Box]) -> None:
        self.found = found
        self._names = _told_apart(found)
        self._users: dict[Box, list[Box]] = {value: [] for value in found}
        for value in found:
            for operand in value.operands:
                self._users[operand].append(value)
        self._parts = {value: key for parts in (self._normalisations(), self._attentions())
                       for key, group in parts.items() for value in group}
        self._layer: dict[Box, str] = {}
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
            return f"v {self._names[value]}"
        return f"v {self._names[value]} in {self._names[user]}"

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
            return homes.pop() if len(homes) == 1 else None
        return self._layer.get(value)

    def _normalisations(self) -> dict[str, list[Box]]:
        """What belongs to a standardised value: its groups, mean and variance, and the sum that it is scaled for."""
        means = {value.leaf: of for value in self.found if (of := mean_of(value.local)) is not None}
        roles = {value: role(value.local, means) for value in self.found if value.kind == "operation"}
        found: dict[str, list[Box]] = {}
        for value in self.found:
            if roles.get(value) != "standardised":
                continue
            group = [value, *(o for o in value.operands if roles.get(o) or o.local.op is ops.RESHAPE and self._alone(o, {
                value, *value.operands}))]
            users = self._users[value]
            group += [u for u in users if len(users) == 1 and u.kind == "operation" and u.local.op is ops.ADD]
            found[f"normalisation {len(found) + 1}"] = group
        return _numbered(found)

    def _attentions(self) -> dict[str, list[Box]]:
        """What belongs to the weights of an attention: queries, keys, values with their layers, scores, what is taken."""
        found: dict[str, list[Box]] = {}
        for value in self.found:
            if value.kind != "operation" or value.local.op is not ops.SOFTMAX or len(value.leaf.shape) < 2:
                continue
            users = self._users[value]
            taken = [u for u in users if u.kind == "operation" and u.local.op in ops.PRODUCTS]
            scores = value.operands[0]
            group = [value, *taken]
            while scores.kind == "operation" and len(scores.operands) == 1:
                group.append(scores)
                (scores,) = scores.operands
            group.append(scores)
            if scores.kind != "operation":
                continue
            rows = [o for part in (scores, *users) for o in part.operands if o.kind in ("operation", "affine") and (
                part is scores or _multiplies(part, value, o))]
            group += rows
            group += [o for part in rows if part.kind == "operation" for o in part.operands if o.kind == "affine"]
            own = {each for each in group if each in (value, *taken) or self._alone(each, {*group, *users})}
            found[f"attention {len(found) + 1}"] = [each for each in self.found if each in own]
        return _numbered(found)

    def _alone(self, value: Box, group: Collection[Box]) -> bool:
        """Is a value used within a group only?"""
        return all(user in group for user in self._users[value])

    def _layer_of(self, value: Box) -> str | None:
        if value in self._parts:
            return self._parts[value]
        if any(node.op is ops.SCAN for node in topological([value.local])):
            return None
        solid = [o for o in value.operands if o.kind not in LEAVES]
        if value.kind in ("affine", "activation"):
            inside = value.kind == "activation" and len(solid) == 1
            return self._layer.get(solid[0], f"layer {value.layer}") if inside else f"layer {value.layer}"
        if value.kind == "operation" and value.local.op is ops.ADD and len(solid) > 1:  # a way around ends in its layer
            inner = [o for o in solid if o.kind in ("affine", "activation") and self._users[o] == [value]
                     and passes_on(value, o)]
            return self._layer.get(inner[0]) if len(inner) == 1 and inner[0].leaf.shape == value.leaf.shape else None
        if value.kind != "operation" or len(solid) != 1 or solid[0].leaf.shape != value.leaf.shape:
            return None
        return self._layer.get(solid[0])

    def _is_spread(self, value: Box) -> bool:
        users = self._users[value]
        if value.kind not in ("parameter", "constant") or len(users) < 2:
            return False
        return len({self._layer.get(user) for user in users}) > 1 or len(users) >= MANY

    def _titled(self) -> list[Cluster]:
        rows: dict[str, list[Box]] = {}
        for value, layer in self._layer.items():
            rows.setdefault(layer, []).append(value)
        if len(rows) < 2 and all(len(members) < 2 for members in rows.values()):
            return []
        titles = []
        for key, members in rows.items():
            functions = [str(v.local.attrs[0]) if v.local.op is ops.ELEMENTWISE else v.local.op for v in members
                         if v.kind == "activation" or v.kind == "operation" and v.local.op is ops.ELEMENTWISE
                         and v not in self._parts]
            first = "convolution" if any(v.kind == "affine" and is_convolution(v.local) for v in members) else "affine"
            told = ", ".join([first, *functions] if key.startswith("layer") else functions)
            titles.append(Cluster(key, f"{key}: {told}" if told else key))
        return titles


def _told_apart(found: Sequence[Box]) -> dict[Box, str]:
    """The names of values; constants that have the same are numbered."""
    count: dict[str, int] = {}
    names = {}
    for value in found:
        number = count[value.name] = count.get(value.name, 0) + 1
        names[value] = value.name if number == 1 else f"{value.name} ({number})"
    return names


def _multiplies(user: Box, one: Box, other: Box) -> bool:
    """Is there a product of two values in the formula of a third?"""
    return any(n.op is ops.EINSUM and set(n.operands) == {one.leaf, other.leaf} for n in topological([user.local]))


def _numbered(groups: dict[str, list[Box]]) -> dict[str, list[Box]]:
    """Groups by their titles, of which a single one needs no number."""
    return groups if len(groups) > 1 else {key.partition(" ")[0]: group for key, group in groups.items()}
