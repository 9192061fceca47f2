"""Letters of indices in presentation trees: which are bound, and where one means two things.

A sum, a matrix by its entries and a maximum over an index bind letters. No letter is bound within its own scope, and none
that is bound anywhere in a formula is free elsewhere in it.
"""

from contextlib import contextmanager

from symgrad.formulas import rendering
from symgrad.formulas.spelling.tree import children, walk

RUNNING = ("max", "min", "argmax", "argmin", "logsumexp")  # functions of all entries, with the letter that counts them below


def bound_by(tree):
    """The letters that a tree binds in what is below it."""
    if tree.head == "big":
        return tree.args[1]
    if tree.head == "entries":
        return tree.args[1]
    if tree.head == "call" and tree.args[0] in RUNNING:
        return tuple(each for each in tree.args[2] if each.head == "name")
    return ()


def clashes(tree):
    """The letters of a formula that mean two things, each with how."""
    found, free = [], set()
    everything = {letter for part in walk(tree) for letter in bound_by(part)}
    stack = [(tree, frozenset())]
    while stack:
        part, scope = stack.pop()
        mine = bound_by(part)
        found += [f"{each.args[0].base} is bound within its own scope" for each in mine if each in scope]
        found += [f"{each.args[0].base} is bound twice by one" for i, each in enumerate(mine) if each in mine[:i]]
        if part in everything and part not in scope:
            free.add(part.args[0].base)
        stack += [(child, scope | set(mine)) for child in children(part)]
    return found + [f"{letter} is free and bound" for letter in sorted(free)]


@contextmanager
def trees():
    """The trees of all formulas that are spelled in the meantime, with their texts."""
    found, spell = [], rendering.unicode

    def kept(tree):
        text = spell(tree)
        found.append((tree, text))
        return text

    rendering.unicode = kept
    try:
        yield found
    finally:
        rendering.unicode = spell
