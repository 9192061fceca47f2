"""Is every letter of a derivation defined before it is used? Read from its text, as a reader does.

A letter is a symbol of the user, the left side of a line above, of a `where`, an index bound in its formula, or one that
the head or the note over the batch explains; a function is common knowledge, or has a line that says what it is.
"""

import re

from symgrad.derivations.outline import Batch, Laws, Opening, Steps, outline
from symgrad.derivations.pieces import Math, said
from symgrad.derivations.text import show
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.formulas.spelling.unicode import unicode
from symgrad.graphs.pieces.boxes import cotangent_leaf

COMMON = set("""exp log log₂ log₁₀ sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh max min sign det tr
    diag sum mean prod argmax argmin""".split())
LAWFUL = set("""softmax logsumexp reshape maxpool avgpool sumpool unpool upsample spread onehot split concat tril triu stop inv
    logdet pad chol cumsum vec flatten unflatten groups ungroup""".split())  # operations of arrays, and those that a law tells
WORDS = set("if otherwise axis where step".split())
LETTER = r"[^\W\d_⁰¹²³⁴-⁹₀-₉][\u0300-\u036f\u20d7]*"
GOES_ON, HIGH = re.compile(r"[₀-₉\u0300-\u036f]|[^\W_]"), re.compile(r"[⁰¹²³⁴-⁹]|\^\w")  # behind a name


def undefined(derivation):
    """The letters and functions that a derivation uses before it says what they are, each with its formula."""
    found, known, functions = [], {display(name) for name in derivation.names.values()}, COMMON | LAWFUL
    known |= {display(str(s)) for x in derivation.names for size in x.shape for s in getattr(size, "free_symbols", ())}
    known |= {show(box.leaf, "unicode") for box in derivation.graph if box.is_given}
    blocks = outline(derivation, "unicode")
    (laws,) = (block for block in blocks if isinstance(block, Laws))
    for law in laws.laws:
        functions = functions | {name[0] for each in law.formulas if (name := re.match(r"[\w']+(?=\()", each))}
        functions |= {each.text for each in law.end if isinstance(each, Math)} if law.title == "Where" else set()
        functions |= {each for each in law.formulas if each.isalpha()}
    t, meets = derivation.sample, derivation.steps[0].world.meets
    known |= {"pi"} if "π" in known else set()  # the number, which the words explain
    for block in blocks:
        if isinstance(block, Opening):
            known |= {"L", block.loss} if derivation.weight is not None else set()
        elif isinstance(block, Steps) and block.items[0].step.kind != "mean":
            for item in block.items:
                left, _, right = item.short.partition(" = ")
                found += [(use, item.short) for use in read(right, known, functions, {t} if meets else set())]
                known |= {plain(left, t) if meets else left, *lefts(right)} | ({"t is a step"} if "t = (1, …" in right else set())
        elif isinstance(block, Batch):
            note = said(block.note, str)
            known -= {left for left in known if is_of_sample(derivation, left)}
            known |= {part.text for part in block.note if isinstance(part, Math)} - {t}
            if "of a capital" in note:
                known |= capitals(derivation)
            for number, text in block.rows:
                left, _, right = text.partition(" = ")
                apart = single(derivation) if re.search(rf"∑_(\{{?\w*{t}|{t})", right) or is_of_sample(derivation, left) else set()
                found += [(use, text) for use in read(right, known | apart, functions, set())]
                known |= {left, *lefts(right)}
    return found


def plain(left, t):
    """The name of a value of each sample without the index of that: G_a for G_{a,t}."""
    return re.sub(r"G_\{(.*)\}", r"G_\1", left.replace(f",{t}}}", "}")) if left.startswith("G_{") else left.removesuffix(f"_{t}")


def display(name):
    """A name as formulas show it."""
    return unicode(tree_name(name))


def leaves(derivation):
    """The values and gradients of each sample."""
    boxes = [box.leaf for box in derivation.graph] + [cotangent_leaf(box) for box in derivation.graph]
    return [leaf for leaf in boxes if leaf.attrs and getattr(leaf.attrs[0], "over", None) is not None]


def is_of_sample(derivation, left):
    """Is it the name of a value of one sample, with no meaning over the batch yet?"""
    return left in single(derivation)


def single(derivation):
    return {show(leaf, "unicode") for leaf in leaves(derivation)}


def capitals(derivation):
    """What the rule about rows defines: the capitals of vectors, of nothing else."""
    taken = derivation.steps[0].world.taken
    pairs = {(show(x, "unicode", "batch", taken), show(x, "unicode")) for x in leaves(derivation) if len(x.shape) == 2}
    return {high for high, low in pairs if high != low}


def lefts(right):
    """What the lines behind a `where` define, with indices or without."""
    _, _, lines = right.partition(", where ")
    found = {part.partition(" = ")[0] for part in lines.split("; ") if " = " in part}
    steps = {f"G_{{{each[3:].partition('_')[0]}_t}}" for each in found if each.startswith("G_{")}  # at any step
    return steps | {re.split(r"_(?=\{|\w)", each)[0] for each in found if not each.startswith("G_{")}


def ends(name, rest, known):
    """Does the name end where it does in a text? A superscript behind it is a power where no name with that letter has one."""
    after = rest[len(name):]
    if HIGH.match(after):
        return not any(each.startswith(name) and HIGH.match(each[len(name):]) for each in known)
    return not GOES_ON.match(after)


def read(text, known, functions, bound):
    """The names in a formula that mean nothing."""
    text = re.sub(r"\d+(\.\d+)?e-?\d+", "0", text.replace("ᵀ", "|"))
    names = sorted(known | lefts(text), key=len, reverse=True)
    words = sorted(functions, key=len, reverse=True)
    for letters in re.findall(r"(?:∑|\])_(\w+|\{[^}]*\})", text):
        bound = bound | set(re.findall(LETTER, letters))
    again = bound & known - ({"t"} if "t is a step" in known else set())
    found, place = [f"{letter} bound anew" for letter in sorted(again)], 0
    while place < len(text):
        rest = text[place:]
        match = re.match(rf"({LETTER})+", rest)
        if match is None:
            place += 1
            continue
        word, before = match[0], text[:place]
        inner = re.match(r"G_\{((?:[^{}]|\{[^{}]*\})*)\}", rest)
        whole = next((each for each in names if rest.startswith(each) and ends(each, rest, known)), None)
        called = next((each for each in words if re.match(rf"{re.escape(each)}[(_]", rest)), None)
        if inner is not None:  # the gradient by a value, at an index
            value, *indices = inner[1].split(",")
            at = re.fullmatch(r"([^_{},]+)_(\{.*\}|\w+)", inner[1])
            if at is not None and f"G_{{{at[1]}_t}}" in names:  # of a value of a step
                value, indices = at[1], [at[2].strip("{}")]
            else:
                found += [f"G_{value}"] * (f"G_{value}" not in known)
            found += [x for each in indices for x in read(each, known, functions, bound)]
            place += len(inner[0])
            continue
        letters = re.findall(LETTER, word)
        index = before.endswith(("_", "_{", ",")) and all(each in bound or each in known for each in letters)
        note = re.search(r"⋆_\{[^}]*$", before) or word == "F" and before.endswith("‖_") or word == "e" and rest[1:2] == "_"
        if whole is not None or called is not None:
            place += max(len(whole or ""), len(called or ""))
        elif word in WORDS or word in ("I", "π") or index or note or all(each in bound for each in letters):
            place += len(word)
        else:
            found.append(rest[:len(word) + 4])
            place += len(word)
    return found
