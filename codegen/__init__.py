"""From a graph to a program: the plan (order, fusion, memory), each backend's spelling, the source, loading.

Nodes come in, text goes out, on five floors: `lowering/` (array expressions), `plan/` (steps with shapes and costs),
`python/` and `c/` (two spellings), `program/` (a standalone training module). This room knows no user: of the project
it imports `symgrad.graphs` and nothing else, and what it emits imports nothing of it.
"""
