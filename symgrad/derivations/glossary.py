"""The words of formulas: what e_y, unpool(G, x = v), K ⋆ x and other signs mean, said once in a document that has them.

Each word is known by the head of its tree, so that a name that somebody gave is none. A document lists those that its
formulas use: `text.written` notes them as it writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.derivations.pieces import Math, Sentence
from symgrad.formulas.notation.own_letters import PLAIN_PI, unit
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.tree import Tree, call, name, walk


@dataclass(frozen=True)
class Word:
    """A sign as it stands in a formula, and what it means; formulas within `meaning` stand between backquotes."""

    sign: Tree
    meaning: str


@dataclass(frozen=True)
class Explained:
    """A word in the style of a document."""

    sign: str
    meaning: Sentence


def _named(text: str) -> Tree:
    return name(text)


G, K, U, V, X = map(_named, ("G", "K", "u", "v", "x"))
MATRIX, KERNEL = _named("X"), Tree("transpose", (K,))
SLIDES = "`K` slides over `x`: at each place, the sum of its entries times those that it covers"
GEOMETRY = "; `s` is the stride, `p` the padding, `d` the dilation, `g` the groups, where they are not 1, 0, 1 and 1"
WINDOW = " of side `k`, with the stride `s` and the padding `p` where they are written"
WORDS: Mapping[str, Word] = MappingProxyType({
    "unit": Word(unit(name("k")), "1 at the place {}, 0 elsewhere; places are counted from 0"),
    "δ": Word(X, "1 where both indices are equal, else 0"),
    "onehot": Word(call("onehot", name("k")),
                   "a row for each entry of {}: 1 at the place that it says, 0 elsewhere; places are counted from 0"),
    "hadamard": Word(Tree("hadamard", (U, V)), "the product entry by entry"),
    "power": Word(Tree("power", (X, name("k"), True)), "the power of each entry"),
    "star": Word(Tree("star", (K, X, ())), SLIDES + GEOMETRY),
    "back": Word(Tree("star", (KERNEL, G, ())),
                 "the transpose of `K ⋆ x`: each entry of `G`, times `K`, is added where `K` lay; `o` is the "
                 "output padding: so many entries more behind"),
    "by": Word(Tree("star", (G, X, ())),
               "for each entry of a kernel, the sum over all places of `G` times what it met in `x`; of a padding "
               "with a colon, what is in front and what behind"),
    "maxpool": Word(call("maxpool", X, subs=[name("k")]), "the largest entry of each window" + WINDOW),
    "avgpool": Word(call("avgpool", X, subs=[name("k")]), "the mean of each window" + WINDOW),
    "sumpool": Word(call("sumpool", X, subs=[name("k")]), "the sum of each window" + WINDOW),
    "spread": Word(call("spread", G, subs=[name("k")]), "each entry of `G` at all places of its window" + WINDOW),
    "upsample": Word(call("upsample", X, subs=[name("k")]), "each entry repeated `k` times along both sides"),
    "unpool": Word(call("unpool", G, Tree("relation", ("=", X, V)), subs=[name("k")]),
                   "each entry of `G` where `x` is `v`, the largest of its window; 0 elsewhere; equal ones share it"),
    "argmaxpool": Word(call("argmaxpool", X), "the place of the largest entry of each window; equal ones share it"),
    "split": Word(call("split", MATRIX, subs=[name("h")]), "the columns cut into `h` matrices, one for each head"),
    "joined": Word(call("concat", MATRIX), "the matrices of all heads side by side"),
    "vec": Word(call("vec", MATRIX), "the columns, one below the other"),
    "flatten": Word(call("flatten", X), "all entries in their order as one vector, the last index running fastest"),
    "unflatten": Word(call("unflatten", V, name("s")), "the entries of a vector in their order, in the shape `s`"),
    "groups": Word(call("groups", X, subs=[name("g")]),
                   "the channels cut into `g` groups, the first index that of the group"),
    "ungroup": Word(call("ungroup", X), "the channels of all groups, one group after the other"),
    "reshape": Word(call("reshape", X, name("s")), "the entries in their order, in the shape `s`"),
    "pad": Word(call("pad", X, name("s")), "zeros put before and behind, as many as `s` says"),
    "stop": Word(call("stop", X), "`x`, taken as a constant"),
    "argmax": Word(call("argmax", X), "the place of the largest entry, counted from 0"),
    "argmin": Word(call("argmin", X), "the place of the smallest entry, counted from 0"),
    "argsort": Word(call("argsort", X), "the places of the entries in ascending order, counted from 0"),
    "cumsum": Word(call("cumsum", X), "the sums of the first entry, of the first two, and so on"),
    "tril": Word(call("tril", MATRIX), "the entries on and below the diagonal, 0 above"),
    "triu": Word(call("triu", MATRIX), "the entries on and above the diagonal, 0 below"),
    "diag": Word(call("diag", V), "the diagonal matrix with these entries"),
    "diagonal": Word(call("diagonal", MATRIX), "the vector of the entries on the diagonal"),
    "tr": Word(call("tr", MATRIX), "the sum of the entries on the diagonal"),
    "cof": Word(call("cof", MATRIX), "the matrix of cofactors"),
    "sum": Word(call("sum", X), "the sum of all entries"),
    "mean": Word(call("mean", X), "the mean of all entries"),
    "softmax": Word(call("softmax", X), "the exponentials of the entries, divided by their sum; of a matrix, row by row"),
    "logsumexp": Word(call("logsumexp", X), "the logarithm of the sum of the exponentials of the entries"),
    "axis": Word(Tree("keyword", ("axis", name("i"))), "along this axis alone, counted from 0: axis 1 is within each row"),
    "bracket": Word(Tree("bracket", (name("c"),)), "1 where the condition holds, else 0"),
    "entries": Word(Tree("entries", (name("x", [name("i")]), (name("i"),))), "the array of these entries"),
    "ones": Word(Tree("ones"), "beside vectors and matrices, a vector of ones"),
    "eye": Word(Tree("eye"), "the identity matrix"), "pi": Word(PLAIN_PI, "the number 3.14159…"),
})
TITLE = "Words, for any values"
CALLS = {word: word for word in WORDS if word not in ("unit", "δ", "split", "joined", "pi")} | {"split": "split"}
IN_LAWS = {word: rf"(?<!\w){word}(_[kh])?[(\[]" for word in CALLS} | {
    "unit": r"(?<!\w)e_k", "hadamard": "⊙", "ones": r"(?<=\w) 1(?!\w)|1ᵀ|1 bᵀ", "entries": r"\]_i",
    "joined": r"concat\([XG]", "eye": r" I$", "axis": "axis=", "star": "K ⋆ x", "back": "Kᵀ ⋆", "by": "G_a ⋆ x",
    "bracket": r"\[[ux] "}  # in Unicode
Found = frozenset[tuple[str, Tree]]  # words, each as it stands


def words_in(trees: Iterable[Tree]) -> Found:
    """The words of formulas."""
    return frozenset((word, part) for tree in trees for part in walk(tree) if (word := _word(part)) is not None)


def words_in_laws(texts: Iterable[str]) -> Found:
    """The words of general laws, whose letters nobody chose, in Unicode."""
    whole = "\n".join(texts)
    return frozenset((word, WORDS[word].sign) for word, sign in IN_LAWS.items() if re.search(sign, whole))


def _word(part: Tree) -> str | None:
    head, args = part.head, part.args
    if head == "call":
        if args[0] == "concat":
            return "joined" if len(args[1]) == 1 else None
        return CALLS.get(args[0])
    if head == "name":
        with_index = bool(args[1]) or part == PLAIN_PI
        return {"e": "unit", "δ": "δ", "pi": "pi"}.get(args[0].base) if args[0].own and with_index else None
    if head == "star":
        kernel = args[0]
        return "back" if kernel.head == "transpose" else "by" if _is_gradient(kernel) else "star"
    if head == "power":
        return "power" if args[2] else None
    if head == "keyword":
        return "axis" if args[0] == "axis" else None
    return head if head in ("hadamard", "bracket", "entries", "ones", "eye") else None


def _is_gradient(tree: Tree) -> bool:
    return any(part.head == "name" and part.args[0].base == "G" and part.args[0].sub is not None for part in walk(tree))


def terms(found: Iterable[tuple[str, Tree]], style: str) -> tuple[Explained, ...]:
    """The words that a document explains, in the order of the glossary; of several of one kind the shortest."""
    shown: dict[str, Tree] = {}
    for word, part in sorted(found, key=lambda each: (len(_text(each[1], "unicode")), _text(each[1], "unicode"))):
        shown.setdefault(word, part)
    return tuple(_term(word, shown[word], style) for word in WORDS if word in shown)


def _term(key: str, part: Tree, style: str) -> Explained:
    word = WORDS[key]
    if "{}" in word.meaning:  # of this place
        before, after = word.meaning.split("{}")
        return Explained(_text(part, style), (before, Math(_text(part.args[1][0], style)), after))
    return Explained(_text(part if key == "δ" else word.sign, style), _marked(word.meaning, style))


def _marked(meaning: str, style: str) -> Sentence:
    """A sentence in which formulas stand between backquotes."""
    latex = {"K ⋆ x": r"K \star x"} if style == "latex" else {}
    return tuple(Math(latex.get(part, part)) if i % 2 else part for i, part in enumerate(meaning.split("`")) if part)


def _text(tree: Tree, style: str) -> str:
    return spelled(tree, [], False, style)


