"""What formulas of one graph share: the names of its values, and the letters that indices may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property

from symgrad.formulas.names import symbol_names
from symgrad.formulas.notation.loop_names import Recurrences
from symgrad.formulas.spelling.glyphs import ALONE, Name, has_capital, parse_name, upper
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.declared import Facts
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Shape, free_symbols

LETTERS = "ijklmpqruvabcdefgh"
SAMPLE_LETTERS = "tsnz"  # none of LETTERS: a letter says whether it runs over samples


@dataclass(frozen=True, eq=False)
class Lexicon:
    """What all formulas of a graph share, worked out once: display names and sample axes."""

    texts: Mapping[Node, str]
    axes: Mapping[Node, int]
    taken: AbstractSet[Name] = frozenset()  # names that have a meaning in the text around
    recurrences: Recurrences = field(default_factory=Recurrences)  # how loops are called

    @cached_property
    def names(self) -> Mapping[Node, Name]:
        """The display names, taken apart."""
        return {node: name_of(node, text) for node, text in self.texts.items()}

    @cached_property
    def bases(self) -> AbstractSet[str]:
        """The letters that names use."""
        return {letter for each in self.names.values() for letter in (each.base, *ALONE.findall(each.latex or ""))}

    @cached_property
    def used(self) -> AbstractSet[str]:
        """The letters that mean something, here or in the text around."""
        return self.bases | {each.base for each in self.taken}

    @cached_property
    def bare(self) -> AbstractSet[str]:
        """The letters that mean something as they are or with an index, and names with a superscript: of both no letter
        of a recurrence is one. A name at 0, such as h_0, is there with its index: a state may begin as it.
        """
        names = [each for each in (*self.names.values(), *self.taken) if not each.own]
        raised = {f"{each.base}^{each.sup}" for each in names if each.sup is not None}
        first = {f"{each.base}_0" for each in names if each.sup is None and each.sub == "0"}
        return raised | first | {each.base for each in names if each.sup is None and each.sub != "0"} | {
            letter for each in names for letter in ALONE.findall(each.latex or "")}

    @cached_property
    def raised(self) -> AbstractSet[str]:
        """The letters that names have with a superscript: x of x¹."""
        return {each.base for each in (*self.names.values(), *self.taken) if each.sup is not None}

    @cached_property
    def facts(self) -> Facts:
        """What is declared of symbols, and what follows for what is made of them."""
        return Facts(declared=True)

    @cached_property
    def gathered(self) -> Mapping[Node, Name]:
        """Names over a batch: per-sample vectors are matrices, in upper case where that letter is free."""
        return {node: upper(each) if node in self.axes and len(node.shape) > 1 and has_capital(each, self.used) else each
                for node, each in self.names.items()}

    @cached_property
    def abbreviated(self) -> Mapping[Name, Node]:
        """The nodes behind the names that no user gave."""
        return {base: node for node, base in self.names.items() if node.op not in ops.BEARERS}

    def extended(self, more: Mapping[Node, str]) -> Lexicon:
        """The same with further names."""
        return Lexicon({**self.texts, **more}, self.axes, self.taken, self.recurrences) if more else self


def name_of(node: Node, text: str) -> Name:
    """A display name, taken apart; in LaTeX a symbol under its own name is set as its user said."""
    given = node.attrs[0].latex if node.op is ops.INPUT and node.attrs[0].name == text else None
    return parse_name(text) if given is None else replace(parse_name(text), latex=given)


def lexicon(roots: Sequence[Node], names: Mapping[Node, str] | None = None,
            taken: AbstractSet[Name] = frozenset()) -> Lexicon:
    """The lexicon of the graph below `roots`; `names` are display names beside those of symbols.

    The names in `taken` mean something in the text around: no index, function or capital has one of their letters.
    """
    return Lexicon({**symbol_names(topological(roots)), **(names or {})}, sample_axes(roots), taken)


def free_letters(taken: AbstractSet[str]) -> tuple[list[str], list[str]]:
    """The letters for samples, one at least, and those for other axes that mean nothing else.

    >>> free_letters({"t", "i", "k"})[0][0], free_letters({"t", "i", "k"})[1][:2]
    ('s', ['j', 'l'])
    """
    samples = [x for x in SAMPLE_LETTERS if x not in taken] or ["τ"]
    return samples, [x for x in LETTERS if x not in taken]


def letters_of(names: Iterable[str], shapes: Iterable[Shape]) -> frozenset[str]:
    """The letters that mean something already: those of names, and of sizes."""
    return frozenset({parse_name(text).base for text in names} | {
        symbol.name for shape in shapes for symbol in free_symbols(shape)})


def names_of(texts: Iterable[str], shapes: Iterable[Shape]) -> frozenset[Name]:
    """The names that mean something already: those of a text, and of sizes."""
    return frozenset({parse_name(text) for text in texts} | {
        parse_name(symbol.name) for shape in shapes for symbol in free_symbols(shape)})
