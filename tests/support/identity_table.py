"""The identities of the literature, each built once however many tests read it."""

from functools import cache

from identities import build, rows

TABLE = rows()
made = cache(build)
