"""Formulas read back: the Unicode text of a formula, evaluated with NumPy.

A reader of the notation that knows nothing of how it is written: sums, juxtaposition, ⊙, ᵀ, /, powers, diag, tr,
sum, norms, 1 and I, and index notation with ∑, δ and [..]_ij, or stacks of matrices [..]_i. Columns are vectors. What it computes from
the text must be what the graph computes.
"""

import re

import numpy as np

TOKEN = re.compile(
    r"\s*(∑_\{?[a-z,]+\}?|δ_\{?[a-z,]+\}?|\d+(?:\.\d+)?|[A-Za-zα-ω]+[₀-₉]*(?:_\{[a-z,]+\}|_[a-z]+)?|\^⊙\d|‖_F²|‖²|‖"
    r"|\]_\{?[a-z,]+\}?|[⁰¹²³⁴-⁹]+|[-+⊙·/()\[\]ᵀ,])")
FUNCTIONS = {"tanh": np.tanh, "exp": np.exp, "σ": lambda x: 1 / (1 + np.exp(-x)),
             "logsumexp": lambda x: np.log(np.sum(np.exp(x)))}


def seen(element):
    """The text of MathML or HTML that a reader sees: without the LaTeX in annotations."""
    if element.tag.endswith("annotation") or element.tag == "style":
        return ""
    return (element.text or "") + "".join(seen(child) + (child.tail or "") for child in element)


class Ones:
    """A column of ones whose length the text leaves open; `row` is its transpose."""

    def __init__(self, row=False):
        self.row = row


def tokens(text):
    found, place = [], 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        assert match, f"cannot read {text[place:]!r} of {text!r}"
        found.append(match[1])
        place = match.end()
    return [token for token in found if token != "·"]


def letters_of(token):
    return re.sub(r"[^a-z]", "", token.split("_", 1)[1])


class Reader:
    """A recursive reader; index letters have values in `at`."""

    def __init__(self, text, values, sizes):
        self.tokens = [*tokens(text), ""]
        self.place = 0
        self.values = values
        self.sizes = sizes
        self.at = {}

    @property
    def next(self):
        return self.tokens[self.place]

    def take(self, wanted=None):
        token = self.next
        assert wanted is None or token == wanted, f"{wanted!r} expected, {token!r} found in {self.tokens}"
        self.place += 1
        return token

    def sum(self):
        sign = -1 if self.next == "-" and self.take() else 1
        total = sign * number(self.hadamard())
        while self.next in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total = total + sign * number(self.hadamard())
        return total

    def hadamard(self):
        value = self.product()
        while self.next == "⊙":
            self.take()
            value = number(value) * number(self.product())
        return value

    def product(self):
        parts = [self.fraction(first=True)]
        while self.starts():
            parts.append(self.fraction())
        return times(parts) if len(parts) > 1 else parts[0]

    def starts(self):
        return bool(self.next) and (self.next[0] in "([‖∑δ" or self.next[0].isalnum()) and self.next not in (
            "‖²", "‖_F²") and not (self.next == "‖" and self.norms)

    norms = 0

    def fraction(self, first=False):
        value = self.power(first)
        while self.next == "/":
            self.take()
            value = number(value) / number(self.power(True))
        return value

    def power(self, first):
        value = self.factor(first)
        while self.next and (self.next[0] in "ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹" or self.next.startswith("^⊙")):
            token = self.take()
            if token == "ᵀ":
                value = Ones(True) if isinstance(value, Ones) else value.T
            else:
                digits = token[2:] if token[0] == "^" else "".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(c)) for c in token)
                value = number(value) ** int(digits)
        return value

    def factor(self, first):
        token = self.take()
        if token[0].isdigit():
            if token == "1" and (not first or self.starts() or self.next == "ᵀ"):
                return Ones()
            return float(token)
        if token == "(":
            outer, self.norms = self.norms, 0
            value = self.sum()
            self.norms = outer
            self.take(")")
            return value
        if token == "‖":
            outer, self.norms = self.norms, 1
            value = number(self.sum())
            self.norms = outer
            end = self.take()
            assert end in ("‖²", "‖_F²") and (end == "‖²") == (np.ndim(value) < 2 or value.shape[1] == 1)
            return np.sum(value**2)
        if token == "[":
            return self.entries()
        if token.startswith("∑"):
            return self.big(letters_of(token))
        if token.startswith("δ"):
            a, b = letters_of(token)
            return float(self.at[a] == self.at[b])
        if token in ("diag", "tr", "sum") or token in FUNCTIONS:
            self.take("(")
            outer, self.norms = self.norms, 0
            value = number(self.sum())
            self.norms = outer
            self.take(")")
            return FUNCTIONS.get(token, {"diag": diag, "tr": np.trace, "sum": np.sum}.get(token))(value)
        if token == "I":
            return np.eye(self.sizes["I"])
        name, _, below = token.partition("_")
        value = np.asarray(self.values[name], float)
        if below:
            value = value[tuple(self.at[letter] for letter in letters_of(token))]
        return value if value.ndim != 1 else value[:, None]

    def big(self, letters):
        start, total = self.place, 0.0
        for place in np.ndindex(*(self.sizes[letter] for letter in letters)):
            self.place = start
            self.at.update(zip(letters, place, strict=True))
            total += number(self.hadamard_of_scalars())
        return total

    def hadamard_of_scalars(self):
        return self.product()

    def entries(self):
        start = self.place
        depth, end = 1, start
        while depth:
            depth += (self.tokens[end] == "[") - self.tokens[end].startswith("]")
            end += 1
        letters = letters_of(self.tokens[end - 1])
        shape, found = [self.sizes[letter] for letter in letters], []
        for place in np.ndindex(*shape):
            self.place = start
            self.at.update(zip(letters, place, strict=True))
            found.append(np.asarray(number(self.sum()), float))
        self.place = end
        return np.reshape(found, (*shape, *found[0].shape))  # numbers, or a stack of matrices


def number(value):
    assert not isinstance(value, Ones), "a lone vector of ones"
    return value


def diag(value):
    return np.diag(value[:, 0]) if value.shape[1] == 1 else np.diag(value)[:, None]


def times(parts):
    """A product: scalars anywhere, ones as long as what stands beside them."""
    scalar, chain = 1.0, []
    for part in parts:
        if np.ndim(part) == 0 and not isinstance(part, Ones):
            scalar = scalar * part
        else:
            chain.append(part)
    for i, part in enumerate(chain):
        if isinstance(part, Ones) and part.row:
            length = len(chain[i + 1]) if i + 1 < len(chain) else 1
            chain[i] = np.ones((1, length))
        elif isinstance(part, Ones):
            chain[i] = np.ones((chain[i - 1].shape[1] if i else 1, 1))
    if not chain:
        return scalar
    result = chain[0]
    for part in chain[1:]:
        result = result @ part
    return scalar * (result.item() if result.shape == (1, 1) else result)


def read(text, values, shape, sizes=None):
    """The value of a formula, as an array of `shape`. Letters get their sizes from the symbols they index."""
    found = dict(sizes or {})
    for token in tokens(text):
        name = token.split("_")[0]
        if name in values and "_" in token:
            found.update(zip(letters_of(token), np.shape(values[name]), strict=False))
    if text.startswith("["):
        found.update(zip(letters_of(tokens(text)[-1]), shape, strict=False))
    if len(shape) == 2 and shape[0] == shape[1]:
        found.setdefault("I", shape[0])
    reader = Reader(text, values, found)
    value = np.asarray(number(reader.sum()), float)
    assert not reader.next, f"left over: {reader.tokens[reader.place:]}"
    if len(shape) == 1 and value.ndim == 2:
        assert value.shape[1] == 1
        value = value[:, 0]
    return np.broadcast_to(value, shape)
