"""From a graph to a program: the plan (order, fusion, memory), each backend's spelling, the source, loading.

This room knows no user: of the project it imports `symgrad.graphs` and nothing else, and what it emits
imports nothing of it.
"""
