"""The cheapest cut between a source and a sink: as much as can flow (Dinic 1970; Ford and Fulkerson 1956)."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

Arc = tuple[Hashable, Hashable, int]


class _Network:
    """Arcs with what is left of them; arc k ^ 1 runs against arc k."""

    def __init__(self, arcs: Iterable[Arc]) -> None:
        self.ends: list[Hashable] = []
        self.left: list[int] = []
        self.out: dict[Hashable, list[int]] = {}
        for tail, head, capacity in arcs:
            for begin, end, left in ((tail, head, capacity), (head, tail, 0)):
                self.out.setdefault(begin, []).append(len(self.ends))
                self.out.setdefault(end, [])
                self.ends.append(end)
                self.left.append(left)

    def levels(self, source: Hashable) -> dict[Hashable, int]:
        """How many arcs with something left lead to each node that can be reached."""
        level = {source: 0}
        waiting = deque([source])
        while waiting:
            node = waiting.popleft()
            for arc in self.out[node]:
                if self.left[arc] and self.ends[arc] not in level:
                    level[self.ends[arc]] = level[node] + 1
                    waiting.append(self.ends[arc])
        return level

    def fill(self, source: Hashable, sink: Hashable, level: dict[Hashable, int]) -> None:
        """Paths that go up by one level in each arc are filled until there is none."""
        tried = dict.fromkeys(self.out, 0)
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                flow = min(self.left[arc] for arc in path)
                for arc in path:
                    self.left[arc] -= flow
                    self.left[arc ^ 1] += flow
                path, node = [], source
            arcs = self.out[node]
            while tried[node] < len(arcs):
                arc = arcs[tried[node]]
                if self.left[arc] and level.get(self.ends[arc], -1) == level[node] + 1:
                    break
                tried[node] += 1
            if tried[node] < len(arcs):
                path.append(arcs[tried[node]])
                node = self.ends[path[-1]]
            elif path:
                node = self.ends[path.pop() ^ 1]
                tried[node] += 1
            else:
                return


def before_cut(arcs: Iterable[Arc], source: Hashable, sink: Hashable) -> set[Hashable]:
    """The nodes on the side of the source, where the arcs that lead from them to the others have least capacity.

    >>> sorted(before_cut([("s", "a", 3), ("a", "b", 1), ("b", "t", 2)], "s", "t"))
    ['a', 's']
    """
    network = _Network([*arcs, (source, sink, 0)])
    while sink in (level := network.levels(source)):
        network.fill(source, sink, level)
    return set(level)
