"""What is said of names and places, slices, function calls and conditions: a function for each head of a tree.

Each gets the speech (`speech.py`) and the arguments of its head; `heads.py` has them all in one table.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import UNIT, Tree, num, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.kinds import COLUMN, MATRIX, SCALAR
from symgrad.formulas.words.phrases import PRODUCT, SUM, Phrase, hide_letters, listed
from symgrad.formulas.words.speech import Speech
from symgrad.formulas.words.spoken import ENTRYWISE, FORMS, GEOMETRY, POOLS, REDUCTIONS, RELATIONS, ordinal


def name(s: Speech, base: Name, subs: Sequence[Tree], symmetric: bool) -> Phrase:
    text = unicode(Tree("name", (base, (), False)))
    if base not in s.orders and base.base == "δ" and len(subs) == 2:
        a, b = subs
        return Phrase(f"the Kronecker delta of {s.listed([a, b])}")
    if base not in s.orders and base.base == "e" and len(subs) == 1:
        return Phrase(f"the unit vector with its 1 at {s.noun(subs[0])}")
    if subs and s.steps and (base not in s.orders or any(part in s.steps for i in subs for part in walk(i))):
        return Phrase(unicode(Tree("name", (base, tuple(subs), False))), open=False)  # at a step of a recurrence: h_t
    if base in s.roles:
        text = f"{s.roles[base]} {text}"
    outer = [i for i in subs if i in s.letters]
    inner = [i for i in subs if i not in s.letters]
    if outer:
        text += " of sample " + " and ".join(unicode(i) for i in outer)
    return Phrase(f"{s.entry(inner)} of {text}" if inner else text, open=False)


def at(s: Speech, base: Tree, subs: Sequence[Tree]) -> Phrase:
    return Phrase(f"{s.entry(subs)} of {s.noun(base)}")


def entries(s: Speech, entry: Tree, letters: Sequence[Tree]) -> Phrase:
    return Phrase(f"the array whose {s.entry(letters, 'entry')} is {s.phrase(entry)}")


def item(s: Speech, base: Tree, parts: Sequence[Tree]) -> Phrase:
    """Rows, columns and slices."""
    of = s.noun(base).text
    ranges = [part.head in ("colon", "range") for part in parts]
    if s.kind(base) == MATRIX and not ranges[-1] and all(part.head == "colon" for part in parts[:-1]):
        line, lone = "column" if len(parts) == 2 else "row", s.kind(parts[-1]) == SCALAR
        return Phrase(f"{line} {unicode(parts[-1])} of {of}" if lone else
                      f"the {line}s of {of} numbered {s.noun(parts[-1])}")
    if not any(ranges) and all(s.kind(part) == SCALAR for part in parts):
        return Phrase(f"{s.entry(parts, 'part')} of {of}")
    lone = s.kind(base) == COLUMN and len(parts) == 1
    places = [_place(s, part) + ("" if lone else f" along axis {axis}") for axis, part in enumerate(parts)
              if part.head != "colon"]
    return Phrase(f"the part of {of} {listed(places)}".rstrip())


def _place(s: Speech, part: Tree) -> str:
    if part.head != "range":
        return f"at {unicode(part) if s.kind(part) == SCALAR else s.noun(part)}"
    low, high, step = part.args
    if low is None and high is None and step is not None and unicode(step) == "-1":
        return "in reverse order"
    words = [f"from place {unicode(low)} on" if low is not None and high is None else
             f"from place {unicode(low)} to before place {unicode(high)}" if low is not None and high is not None else
             f"before place {unicode(high)}" if high is not None else ""]
    if step is not None:
        text = unicode(step)
        each = "each place" if text in ("1", "-1") else f"every {ordinal(text.lstrip('-'))} place"
        words.append(f"backward, {each}" if text.startswith("-") else f"at {each}")
    return " ".join(word for word in words if word)


def matrix(s: Speech, *rows: Sequence[Tree]) -> Phrase:
    if all(part.head in ("num", "fraction") or (part.head == "sum" and len(part.args) == 1)
           for row in rows for part in row):
        what = "the constant column" if len(rows[0]) == 1 else "the constant matrix with the rows"
        return Phrase(f"{what} ({'; '.join(', '.join(map(unicode, row)) for row in rows)})", open=False)
    if len(rows) == 1:
        return Phrase(f"the matrix of {s.listed(rows[0])} side by side")
    if all(len(row) == 1 for row in rows):
        return Phrase(f"the stack of {s.listed([row[0] for row in rows])}, one below the other,", open=False)
    return Phrase(f"the matrix with the rows {listed([s.listed(row) for row in rows])}")


def _pool(s: Speech, function: str, arguments: Sequence[Tree], subs: Sequence[Tree]) -> Phrase:
    """A function of the windows of an image, or what goes back to their largest entries."""
    if function == "unpool":
        where = arguments[1]
        inner, subs = (where.args[1], subs) if where.head == "relation" else (where.args[1][0], where.args[2])
        return Phrase(f"{s.noun(arguments[0])} put back where {_windows(subs)} of {s.noun(inner)} are largest")
    if function == "upsample":
        return Phrase(f"{s.noun(arguments[0])} enlarged {unicode(subs[0]).strip('()').replace(', ', ' by ')} times")
    return Phrase(POOLS[function].format(windows=_windows(subs), image=s.noun(arguments[0])))


def _windows(notes: Sequence[Tree]) -> str:
    """Windows of an image: their size first, then what is not the default."""
    side = unicode(notes[0])
    size = f"of side {side}" if notes[0].head != "tuple" else "of " + side.strip("()").replace(", ", " by ")
    more = [f"{GEOMETRY[note.args[0]]} {unicode(note.args[1])}" for note in notes[1:]]
    return f"the windows {size}{' with ' + listed(more) if more else ''}"


def call(s: Speech, function: str, arguments: Sequence[Tree], subs: Sequence[Tree]) -> Phrase:
    function, rank = function.rstrip("'"), len(function) - len(function.rstrip("'"))
    plain = [part for part in arguments if part.head not in ("keyword", "tuple")]
    more = "".join(f" {_option(part)}" for part in arguments if part.head == "keyword")
    sizes = [part for part in arguments if part.head == "tuple"]
    derivative = f"the {ordinal(str(rank)) + ' ' if rank > 1 else ''}derivative of " if rank else ""
    pairs = len(plain) > 1
    if function == "stop":
        return Phrase(f"the constant value of {s.noun(plain[0])}")
    if function in ("max", "min") and pairs:
        word = "larger" if function == "max" else "smaller"
        entrywise = " at every entry" if any(s.kind(part) != SCALAR for part in plain) else ""
        return Phrase(f"{derivative}the {word} of {s.listed(plain)}{entrywise}")
    if function in REDUCTIONS:
        lone, along = REDUCTIONS[function]
        samples = len(subs) == 1 and subs[0] in s.letters
        over = " over the samples" if samples else f" over {listed([unicode(x) for x in subs])}" if subs else ""
        body = s.noun(hide_letters(plain[0], frozenset(subs)) if samples else plain[0])
        return Phrase(f"{derivative}{along if over or more else lone}{over}{more} of {body}")
    if function == "groups":
        return Phrase(f"{s.noun(plain[0])} with its first axis cut into {unicode(subs[0])} groups", open=False)
    if function in ("reshape", "unflatten"):
        return Phrase(f"the entries of {s.noun(plain[0])} arranged in the shape {s.read(sizes[0])}", open=False)
    if function == "pad":
        return Phrase(f"{s.noun(plain[0])} with {_padding(sizes)}", PRODUCT)
    if function in POOLS:
        return _pool(s, function, plain, subs)
    if function in FORMS:
        rows = "every row of " if function == "softmax" and not more and s.kind(plain[0]) == MATRIX else ""
        order = f" of order {listed([unicode(x) for x in subs])}" if subs else ""
        return Phrase(f"{derivative}{FORMS[function]}{order}{more} of {rows}{s.listed(plain)}")
    word = ENTRYWISE.get(function, function.replace("_", " "))
    if len(plain) == 1:
        return s.of_every(derivative + word, plain[0])
    entrywise = ", entry by entry," if any(s.kind(part) != SCALAR for part in plain) else ""
    return Phrase(f"{derivative}{word} of {s.listed(plain)}{more}{entrywise}", open=not entrywise)


def _option(part: Tree) -> str:
    key, value = part.args
    if key == "axis":
        if value.head != "tuple":
            return f"along axis {unicode(value)}"
        return f"along the axes {listed([unicode(each) for each in value.args])}"
    return {"step": f"with step {unicode(value)}", "width": f"of width {unicode(value)}",
            "reverse": "from the end"}.get(key, f"with {key} {unicode(value)}")


def _padding(sizes: Sequence[Tree]) -> str:
    found = []
    for axis, part in enumerate(sizes):
        before, after, *step = part.args
        along = f" along axis {axis}" if len(sizes) > 1 else ""
        found += [f"{unicode(count)} zero{'' if count == UNIT else 's'} {where} it{along}" for count, where in
                  ((before, "before"), (after, "after")) if count != num(0)]
        found += [f"zeros between its entries, at a step of {unicode(each.args[1])}{along}" for each in step]
    return listed(found) or "no zeros around it"


def relation(s: Speech, sign: str, left: Tree, right: Tree) -> Phrase:
    found = s.noun(left)
    return Phrase(f"{found}{',' if found.text.endswith(' entry') else ''} {RELATIONS[sign]} {s.noun(right)}", SUM)


def negated(s: Speech, inner: Tree) -> Phrase:
    return Phrase(f"it does not hold that {truth(s, inner)}", SUM)


def logic(s: Speech, sign: str, *parts: Tree) -> Phrase:
    return Phrase((" and " if sign == "∧" else " or ").join(truth(s, part) for part in parts), SUM)


def bracket(s: Speech, inner: Tree) -> Phrase:
    where = "the case that" if s.kind(inner) == SCALAR else "the entries where"
    return Phrase(f"the indicator (1 or 0) of {where} {truth(s, inner)}")


def cases(s: Speech, rows: Sequence[tuple[Tree, Tree]], otherwise: Tree) -> Phrase:
    first, *more = (f"{s.noun(value)} where {truth(s, test)}" for value, test in rows)
    return Phrase(", ".join([f"the choice of {first}", *more]) + f", and {s.noun(otherwise)} elsewhere")


def truth(s: Speech, tree: Tree) -> str:
    """A condition, without the bracket that makes it a number."""
    inner = tree.args[0] if tree.head == "bracket" else tree
    if inner.head in ("relation", "logic", "not"):
        return s.read(inner)
    return f"{s.noun(inner)} is true"
