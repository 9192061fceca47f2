"""What steers the layout of a picture: columns, order within a column, straightness. Placing is left to dot.

Arrows are read as they are written for dot: a backward arrow from its head to its tail, so that every arrow
points the way of the forward computation and gradients take the columns of their values. A *door* (see
`symgrad.picture`) is named by the number of its arrow, a box by its key.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from symgrad.drawing.pictures.palette import STYLES
from symgrad.drawing.pictures.picture import Picture, enclosing

# 128 is dot's own pull that makes clusters compact, 1 that of an invisible edge that orders a column.
FORWARD_WEIGHT, BACKWARD_WEIGHT, OPERAND_WEIGHT = 500, 200, 10

End = str | int


@dataclass(frozen=True)
class ArrowCourse:
    """How one arrow runs: `written` from -> to; through a `door` of that cluster; `far`: a column is left
    free for operands that stand outside the cluster just left; `loose`: the arrow does not order its ends."""

    written: tuple[str, str]
    door: str | None
    far: bool
    loose: bool
    weight: int


@dataclass(frozen=True)
class Steering:
    """A course for each arrow, the sets of one rank, and the pairs (upper, lower) of a rank."""

    courses: list[ArrowCourse]
    ranks: list[list[End]]
    stacks: list[tuple[End, End]]


def steering(picture: Picture) -> Steering:
    """Choose doors, ranks and weights for a picture."""
    boxes = {box.key: box for box in picture.boxes}
    parents = {cluster.key: cluster.parent for cluster in picture.clusters}
    inside = {key: frozenset(enclosing(parents, box.cluster)) for key, box in boxes.items()}
    written = [(a.head, a.tail) if a.mirrored else (a.tail, a.head) for a in picture.arrows]
    uses = Counter(tail for tail, _ in written)
    into: dict[str, list[str]] = {key: [] for key in boxes}
    for tail, head in written:
        into[head].append(tail)

    courses = []
    for arrow, (tail, head) in zip(picture.arrows, written):
        cluster = boxes[head].cluster
        to_gradient, from_gradient = (STYLES[boxes[end].kind].backward for end in (head, tail))
        # A forward value that a gradient reads may stand to its right: such an arrow must not push.
        loose = to_gradient and not from_gradient and not arrow.backward and not arrow.derivative
        enters = cluster is not None and cluster not in inside[tail] and not loose and any(
            cluster in inside[other] for other in into[head])
        leaves = bool(inside[tail] - inside[head]) and not loose and any(
            not into[other] and inside[other] <= inside[head] for other in into[head])
        # Straight is first the forward chain, then the backward one. Operands and the turn at the loss bend.
        operand = not into[tail] and inside[head] <= inside[tail]
        turn = arrow.mirrored and not to_gradient
        chain = BACKWARD_WEIGHT if arrow.backward else FORWARD_WEIGHT
        usual = OPERAND_WEIGHT if loose or operand or turn else chain
        courses.append(ArrowCourse((tail, head), cluster if enters else None, leaves and not enters, loose,
                                   usual if arrow.weight is None else arrow.weight))

    # Downwards in LR, to the right in TB: forward doors, operands as given, their gradients, backward doors.
    beside: list[tuple[End, End]] = [(box.beside, box.key) for box in picture.boxes if box.beside is not None]
    stacks = [pair for pair in beside if boxes[str(pair[1])].kind != "parameter_gradient"]
    column: dict[str, list[End]] = {}
    for tail, head in written:
        if not into[tail] and uses[tail] == 1 and boxes[tail].cluster == boxes[head].cluster:
            column.setdefault(head, []).append(tail)
    for number, (arrow, course) in enumerate(zip(picture.arrows, courses)):
        if course.door is not None and (operands := column.get(course.written[1])):
            operands.insert(len(operands) if arrow.backward else 0, number)
    for ends in column.values():
        stacks += zip(ends, ends[1:])
    return Steering(courses, _connected(beside + stacks), stacks)


def _connected(pairs: list[tuple[End, End]]) -> list[list[End]]:
    """The ends that pairs connect, one list for each connected set, in the order of first mention."""
    root: dict[End, End] = {}

    def find(end: End) -> End:
        while root.setdefault(end, end) != end:
            end = root[end]
        return end

    for first, second in pairs:
        root[find(second)] = find(first)
    sets: dict[End, list[End]] = {}
    for end in list(root):
        sets.setdefault(find(end), []).append(end)
    return list(sets.values())
