"""sg.parse: what a text means, what it is told, and that no text runs anything or takes long."""

import ast
import builtins
import sys
import warnings
from dataclasses import dataclass
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

import symgrad as sg
from symgrad.reading import grammar, vocabulary
from symgrad.reading.folding import fold
from symgrad.reading.parser import parse, parse_with_symbols
from symgrad.reading.vocabulary import parse_shapes


@dataclass(frozen=True)
class Term:
    """A tensor that only writes down what is done with it: the walk is seen apart from the algebra."""

    text: str
    shape: tuple = ()
    over: object = None
    dtype: str = "real"

    def __neg__(self):
        return Term(f"-{self.text}")

    def __getitem__(self, index):
        if index == 99:
            raise IndexError("99 is out of range")
        return Term(f"{self.text}[{index}]")

    def sum(self, axis=None, keepdims=False):
        return Term(f"{self.text}.sum({axis}, {keepdims})")

    @property
    def T(self):
        return Term(f"{self.text}.T")


def _binary(sign):
    def forward(self, other):
        return Term(f"({getattr(self, 'text', self)} {sign} {getattr(other, 'text', other)})")

    return forward, lambda self, other: forward(other, self)


for _name, _sign in zip("add sub mul truediv pow matmul".split(), "+ - * / ** @".split()):
    _forward, _backward = _binary(_sign)
    setattr(Term, f"__{_name}__", _forward)
    setattr(Term, f"__r{_name}__", _backward)
Term.__gt__, Term.__lt__ = _binary(">")[0], _binary("<")[0]


def _call(name):
    return lambda *args: Term(f"{name}({', '.join(map(_show, args))})")


def _show(value):
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_show, value)) + "]"
    return value.text if isinstance(value, Term) else repr(value)


def _scale(x, by, *, power=1):
    return Term(f"scale({x.text}, {by!r}, {power!r})")


def _mismatch(*args):
    raise sg.ShapeError("solve: A is (n, n), b is (m,)")


FAKE = {
    **{name: _call(name) for name in "exp log norm maximum einsum stack one_hot std".split()},
    "zeros": lambda shape: Term("zeros", shape if isinstance(shape, tuple) else (shape,)),
    "split": lambda x, pieces: [Term(f"{x.text}/{i}") for i in range(pieces)],
    "scale": _scale, "solve": _mismatch,
    "data": lambda name, shape=(), over=None, dtype="real": Term(name, shape, over, dtype),
    "constant": lambda value: Term(f"constant {value}"),
}
SHAPES = {"X": "n d", "w": "d", "y": "n", "s": ""}


def said(text, **shapes):
    return parse(text, functions=FAKE, **(shapes or SHAPES)).text


def refusal(text, **shapes):
    """The column (from 1) and the message that a text gets; the caret must stand under that column."""
    with pytest.raises(sg.ParseError) as caught:
        parse(text, functions=FAKE, **(shapes or SHAPES))
    place, _, rest = str(caught.value).partition(": ")
    message, *marked = rest.split("\n")
    column = int(place.removeprefix("column "))
    if len(text) < 70:
        assert marked[1].index("^") - 4 == column - 1
    return column, message


@pytest.mark.parametrize("text, meaning", [
    ("norm((X @ w - y)**2)", "norm((((X @ w) - y) ** 2))"),
    ("-w**2", "-(w ** 2)"),  # Python's precedence
    ("w**-1", "(w ** -1)"),
    ("2**-1*s", "(1/2 * s)"),
    ("+s - -s", "(s - -s)"),
    ("1/3*s", "(1/3 * s)"),  # quotients of whole numbers stay exact
    ("(1 + 2)*3/2 - .5*s", "(9/2 - (0.5 * s))"),
    ("scale(s, 1/4, power=2/3)", f"scale(s, 0.25, {2 / 3!r})"),  # but an argument is a float
    ("s > 0", "(s > 0)"),
    ("X.T @ y", "(X.T @ y)"),
    ("X.sum(axis=(0, -1), keepdims=True)", "X.sum((0, -1), True)"),
    ("X.sum(None)", "X.sum(None, False)"),
    ("X.std()", "std(X)"),  # a method that tensors lack is the function of that name
    ("X[0, ..., None, 1:-1:2, ::-1]", "X[(0, Ellipsis, None, slice(1, -1, 2), slice(None, None, -1))]"),
    ("X[[0, 1]]", "X[[0, 1]]"),
    ("X[y]", f"X[{Term('y', (sg.dim('n'),))!r}]"),
    ("split(X, 2)[1]", "X/1"),
    ("stack(split(X, 2))", "stack([X/0, X/1])"),
    ("stack([X, (s, None)])", "stack([X, [s, None]])"),
    ("einsum('ij,j->i', X, w)", "einsum('ij,j->i', X, w)"),
    ("maximum(s, 10**9)", "maximum(s, 1000000000)"),
    ("exp(n + 1)", "exp(n + 1)"),  # sizes are names too
    ("n * s", "(constant n * s)"),
    ("2", "constant 2"),
    ("2 * pi", "constant 6.283185307179586"),
    ("  exp(\n\ts,\n)  ", "exp(s)"),
    ("𝐗 @ w", "(X @ w)"),  # Python reads names in normal form NFKC
])
def test_meaning(text, meaning):
    assert said(text) == meaning


def test_a_long_sum_is_not_deep():
    assert said("+".join(["s"] * 500)).count("s") == 500


@pytest.mark.parametrize("text, column, message", [
    ("X @ v", 5, "'v' is not declared; declared are X, w, y, s and the sizes d, n"),
    ("x @ w", 1, "'x' is not declared; declared are X, w, y, s and the sizes d, n; did you mean X?"),
    ("exp + 1", 1, "exp is a function: write exp(...)"),
    ("1 + expp(s)", 5, "there is no function 'expp'; did you mean exp?"),
    ("data('q')", 1, "there is no function 'data'"),
    ("constant(1)", 1, "there is no function 'constant'"),
    ("s.exp()", 3, "there is no method .exp(); write exp(...)"),
    ("s.summ()", 3, "there is no method .summ(); did you mean sum?"),
    ("X.T()", 3, "there is no method .T(); write .T, without ()"),
    ("X.sum", 3, ".sum is a method: write .sum(...)"),
    ("X.shape", 3, ".shape is all sizes; take one of them, as in .shape[0]"),
    ("n.sum()", 1, ".sum() belongs to tensors; this is a size"),
    ("(2).T", 2, ".T belongs to tensors; this is a number"),
    ("2[0]", 1, "only a tensor can be indexed; this is a number"),
    ("X ^ 2", 3, "a power of a matrix is not read; write A A, or A^⊙2 for the powers of its entries"),
    ("(X) ^ 2", 5, "a power of a matrix is not read; write A A, or A^⊙2 for the powers of its entries"),
    ("exp(einsum('ij', X)', s)", 20, "' is not read; write .T for a transpose, as in X.T"),
    ("s # square", 3, "# is not read; a formula has no comments"),
    ("s | s", 3, "| is not closed; write |"),
    ("exp((X @ w", 5, "'(' was never closed"),
    ("lambda * s", 1, "'lambda' is a word of Python's own and has no meaning in a formula"),
    ("import os", 1, "'import' is a word of Python's own and has no meaning in a formula"),
    ("lambda: s", 1, "a lambda is not read"),
    ("s + (s if s else s)", 6, "a conditional expression is not read; write where(condition, a, b)"),
    ("exp([s for s in w])", 5, "a comprehension is not read"),
    ("exp(s for s in w)", 4, "a comprehension is not read"),
    ("(a := s)", 2, "a walrus (:=) is not read"),
    ("exp(f'{s}')", 5, "an f-string is not read"),
    ("{'a': s}", 1, "a dictionary is not read"),
    ("{s}", 1, "a set is not read"),
    ("exp(*w)", 5, "an unpacking (*) is not read"),
    ("exp(**w)", 5, "an unpacking (**) is not read"),
    ("(yield)", 2, "a coroutine (await, yield) is not read"),
    ("s and s", 1, "'and' is not read; write logical_and(a, b)"),
    ("not s", 1, "'not' is not read; write logical_not(a)"),
    ("~s", 1, "~ is not read; write logical_not(a)"),
    ("s // 2", 3, "// is not read; write floor(a / b)"),
    ("s % 2", 3, "% is not read"),
    ("s == 2", 3, "== is not read; write equal(a, b)"),
    ("s != 2", 3, "!= is not read; write logical_not(equal(a, b))"),
    ("s in w", 3, "'is' and 'in' are not read; write equal(a, b)"),
    ("0 < s < 1", 1, "a chain of comparisons is not read; write logical_and(a < b, b < c)"),
    ("1 < n", 3, "< compares tensors; here are two numbers"),
    ("s, w", 1, "a tuple stands only as an argument or between [ and ]"),
    ("[s]", 1, "a list stands only as an argument or between [ and ]"),
    ("split(X, 3)", 1, "this gives 3 tensors; take one of them, as in [0]"),
    ("split(X, 3) * 2", 1, "this gives 3 tensors; take one of them, as in [0]"),
    ("'s'", 1, "a string is not read"),
    ("exp('s')", 5, "a string is not read"),
    ("einsum(X, 'ij')", 11, "a string is not read"),
    ("b'' * s", 1, "a bytes literal is not read"),
    ("2j * s", 1, "a complex number is not read"),
    ("s + None", 5, "None stands only as an argument or between [ and ]"),
    ("exp(...)", 5, "... stands only between [ and ]"),
    ("X.sum(0, True)", 10, "True stands only as a named argument, as in keepdims=True"),
    ("exp(X, _secret=s)", 8, "the argument _secret is not one to give"),
    ("scale(X, a=s, a=s)", 15, "the argument a is given twice"),
    ("X.sum(axes=0)", 3, "sum: got an unexpected keyword argument 'axes'; its arguments are axis, keepdims"),
    ("s + scale(s)", 5, "scale: missing a required argument: 'by'; its arguments are x, by, power"),
    ("2 @ 3", 3, "@: it multiplies tensors; here are two numbers (write *)"),
    ("1 / (n - n)", 3, "/: division by zero"),
    ("0**-1", 2, "**: division by zero"),
    ("(-8)**(1/3)", 5, "**: a root of a negative number is not real"),
    ("s[99]", 2, "[ ]: 99 is out of range"),
    ("s < 'ab'", 5, "a string is not read"),
])
def test_refusals(text, column, message):
    assert refusal(text) == (column, message)


def test_columns_count_characters_of_the_text_as_given():
    assert refusal("  λ + µ", λ="")[0] == 7
    assert refusal("λλλ + q", λλλ="")[0] == 7
    column, message = refusal("s + " * 100 + "q" + " + s" * 100)
    assert (column, message[:19]) == (401, "'q' is not declared")


def test_a_long_text_is_shown_around_the_column():
    with pytest.raises(sg.ParseError) as caught:
        parse("s + " * 100 + "q" + " + s" * 100, functions=FAKE, s="")
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 90 and shown[caret.index("^")] == "q" and shown.count("...") == 2


def test_nothing_is_declared():
    with pytest.raises(sg.ParseError, match="'s' is not declared; declared are no names"):
        parse("s", functions=FAKE)


# limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, message", [
    ("", "the text is empty"),
    (" \n ", "the text is empty"),
    ("s" * 10_001, "the text has 10001 characters, more than 10000"),
    ("(" * 5000 + "s" + ")" * 4999, "too many nested parentheses"),
    ("-" * 9999 + "s", "the text is nested too deeply, or has too many terms"),
    ("s+" * 4999 + "s", "the text is nested too deeply, or has too many terms"),
    ("s" + ".T" * 4999, "the text is nested too deeply, or has too many terms"),
    ("-" * 90 + "s", "column 82: nested more than 80 levels deep"),
    ("exp(" * 90 + "s" + ")" * 90, "nested more than 80 levels deep"),
    ("s**" * 90 + "s", "nested more than 80 levels deep"),
    ("s" + "[0]" * 90, "nested more than 80 levels deep"),
    ("not " * 2400 + "s", "nested more than 80 levels deep"),
    ("lambda:" * 1400 + "s", "nested more than 80 levels deep"),
    ("s if s else " * 800 + "s", "nested more than 80 levels deep"),
    ("1" * 5000, "digits"),
    ("0x" + "f" * 9000, "a whole number of 2**63 or more is not read; write a float, as in 1e30"),
    ("9223372036854775808", "a whole number of 2**63 or more is not read; write a float, as in 1e30"),
    ("1e999", "the number is too large for a float"),
    ("1e308 * 10", "column 7: *: the result is too large"),
    ("10**10 * 10**10", "column 8: *: the result is too large"),
    ("2**10**9", "column 2: **: the result is too large"),
    ("9**9**9**9", "column 5: **: the result is too large"),
    ("2.0**10**9", "column 4: **: the result is too large"),
    ("((9**9)**9)**9 * s", "column 8: **: the result is too large"),
    ("zeros(10**9)", "column 7: the whole number 1000000000 is too large for zeros; 1000000 is the most"),
    ("zeros((10**9, s))", "the whole number 1000000000 is too large for zeros; 1000000 is the most"),
    ("zeros((10**6, 10**6))", "zeros of 1000000000000 entries is too large; 10000000 are the most"),
    ("one_hot(y, 10**9)", "the whole number 1000000000 is too large for one_hot; 1000000 is the most"),
    ("split(X, 10**6)", "the whole number 1000000 is too large for split; 1000 is the most"),
    ("s\0", "column 2: the character U+0000 cannot stand in a formula"),
    ("s\x1b[2J", "column 2: the character U+001B cannot stand in a formula"),
    ("s\u202e", "column 2: the character U+202E cannot stand in a formula"),
    ("\ud800", "column 1: the character U+D800 cannot stand in a formula"),
    (7, "a formula is a text, not int"),
], ids=lambda value: str(value)[:30])
def test_limits(text, message):
    with pytest.raises(sg.ParseError) as caught:
        parse(text, functions=FAKE, **SHAPES)
    assert message in str(caught.value)
    assert all(char.isprintable() or char == "\n" for char in str(caught.value))


def test_little_stack_left():
    def deeper(levels):
        return deeper(levels - 1) if levels else parse("exp(" * 78 + "s" + ")" * 78, functions=FAKE, s="")

    frames, frame = 0, sys._getframe()
    while frame is not None:
        frames, frame = frames + 1, frame.f_back
    with pytest.raises(sg.ParseError, match="nested too deeply"):
        deeper(sys.getrecursionlimit() - frames - 120)


def test_numbers_at_the_limits():
    assert fold("**", 2, 62) == 2**62 and fold("**", -1, 2**62) == 1 and fold("**", 0, 2**62) == 0
    assert fold("/", 6, 4) == Fraction(3, 2) and fold("**", Fraction(1, 2), -3) == 8
    tiny = fold("*", Fraction(1, 2**62), Fraction(1, 3))
    assert isinstance(tiny, float) and tiny == pytest.approx(2.0**-62 / 3)
    n = sg.dim("n")
    assert fold("/", n, n) == 1 and type(fold("/", n, n)) is int and fold("-", n, 1) == n - 1


# attacks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "__import__('os').system('true')", "().__class__.__base__.__subclasses__()", "X.__class__",
    "X.__class__()", "X.sum.__globals__", "exp.__globals__['os']", "open('f')", "exec('1')", "ｅxec('1')",
    "eval(X)", "getattr(X, 'T')", "print(X)", "globals()", "(lambda: 1)()",
    "[c for c in ().__class__.__mro__]", "f'{open(1)}'", "f'{X.__class__}'", "X.node", "X.eval()",
    "X.named('a')", "X.latex()", "X.__reduce__()", "X.T.__init__(X)", "X[X.__class__]",
    "exp(X, __class__=X)", "breakpoint()", "help()", "x; import os", "import os", "__builtins__", "_",
    "sg.exp.f(X)", "einsum(open, X)", "einsum(f'{1}', X)", "elementwise('open(1)', X)", "scan(exp, X)",
    "gradient(s, w)", "`X`", "$X", "X!", "X?", "print X", "@X", "X:", "# X", "'''", '"', "'", "\\\n", "s\\",
    "exp(", ")", "((", "...", "*X", "**X", "X.", ".X", "X..T", "0777", "1__0", "0x", "1if", "s if", "not",
    "await s", "async", "nan", "inf",
])
@pytest.mark.parametrize("table", [FAKE, None], ids=["fake", "real"])
def test_attacks_are_refused_and_run_nothing(text, table, monkeypatch):
    run = []
    vocabulary.public_functions()  # its import is not what this test is about
    with monkeypatch.context() as patch:
        for name in ("open", "exec", "eval", "print", "breakpoint"):
            patch.setattr(builtins, name, lambda *args, name=name: run.append((name, args)))
        with pytest.raises(sg.ParseError):
            parse(text, functions=table, **SHAPES)
    assert run == []


def test_no_warning_of_pythons_parser_comes_through():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal("1if s else 2") == (1, grammar.REFUSED["IfExp"])


def test_tables_hold_no_function_that_evaluates_text_or_runs_functions():
    names = {*vocabulary.ELEMENTWISE, *vocabulary.CREATORS, *vocabulary.OTHERS, *vocabulary.LOSSES}
    assert not names & {"elementwise", "scan", "parse", "generate", "function", "from_sympy", "verify"}
    assert not {name for name in vocabulary.METHODS if name.startswith("_")}


def test_every_construct_of_expressions_is_read_or_refused_in_words():
    read = {ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Attribute,
            ast.Subscript, ast.BoolOp, ast.FormattedValue, ast.Slice}
    older = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Interpolation"}
    signs = {*vocabulary.BINARY, *vocabulary.COMPARISONS, ast.UAdd, ast.USub}
    for base, known in ((ast.expr, read), (ast.operator, signs), (ast.unaryop, signs), (ast.cmpop, signs)):
        for kind in base.__subclasses__():
            assert kind in known or kind.__name__ in grammar.REFUSED or kind.__name__ in older


# declarations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec, shape", [
    ("n d", "(n, d)"), ("n,d", "(n, d)"), (" n , d ", "(n, d)"), ("(n, 3)", "(n, 3)"), ("n,", "(n,)"),
    ("", "()"), ("()", "()"), ("5", "(5,)"), ("0 2", "(0, 2)"), (5, "(5,)"), ((), "()"), ((2, "n"), "(2, n)"),
    (["n"], "(n,)"),
    (sg.dim("n"), "(n,)"), ((sg.dim("n") + 1, 2), "(n + 1, 2)"), ("n: integer", "(n,)"), (":boolean", "()"),
    ("n d over T", "(n, d)"), ("over T", "()"), ("(n) over T : integer", "(n,)"), ("overt", "(overt,)"),
])
def test_shapes(spec, shape):
    symbol = parse_shapes({"a": spec}, functions=FAKE)["a"]
    assert str(symbol.shape) == shape
    text = str(spec)
    assert symbol.over == (sg.dim("T") if "over T" in text else None)
    assert symbol.dtype == ("integer" if "integer" in text else "boolean" if "boolean" in text else "real")


@pytest.mark.parametrize("name, spec, message", [
    ("a", "n; d", "in the shape of 'a': a size cannot be called 'n;'"),
    ("a", "n,,d", "the shape of 'a' cannot be 'n,,d'; write 'n d' or 'n,3', '' for a scalar, 'd over T' for "
                  "one sample of T, 'n: integer' for whole numbers"),
    ("a", "2n", "in the shape of 'a': a size is a name or a whole number, not '2n'"),
    ("a", "-1", "in the shape of 'a': a size is a name or a whole number, not '-1'"),
    ("a", -1, "in the shape of 'a': an axis size cannot be negative: -1"),
    ("a", 2.5, "in the shape of 'a': an axis size must be an int or a symbol (sg.dim), not 2.5"),
    ("a", True, "in the shape of 'a': an axis size must be an int or a symbol, not True"),
    ("a", None, "in the shape of 'a': an axis size must be an int or a symbol (sg.dim), not None"),
    ("a", "9" * 30, "in the shape of 'a': a size of 2**63 or more is too large"),
    ("a", "x:1000000000", "in the shape of 'a': a dtype is real, integer or boolean, not '1000000000'; facts are "
                       "symmetric, positive_definite, positive, nonnegative, orthogonal, diagonal, lower_triangular, simplex"),
    ("a", "if", "in the shape of 'a': a size cannot be called 'if'"),
    ("a", "n: complex", "in the shape of 'a': a dtype is real, integer or boolean, not 'complex'; facts are symmetric, "
                         "positive_definite, positive, nonnegative, orthogonal, diagonal, lower_triangular, simplex"),
    ("2a", "n", "a symbol cannot be called '2a'"),
    ("lambda", "n", "a symbol cannot be called 'lambda'"),
    ("__class__", "n", "a symbol cannot be called '__class__'"),
    ("a b", "n", "a symbol cannot be called 'a b'"),
])
def test_shapes_that_are_none(name, spec, message):
    with pytest.raises(sg.ParseError) as caught:
        parse_shapes({name: spec}, functions=FAKE)
    assert str(caught.value) == message


def test_a_size_name_is_one_size_and_that_of_tensors_given():
    own = sg.dim("m")
    given = Term("A", (own, 2 * sg.dim("k")), sg.dim("T"))
    tensor, symbols = parse_with_symbols("A[m + k] * T", {"b": "m k over T", "A": given}, functions=FAKE)
    assert symbols["b"].shape == (own, sg.dim("k")) and symbols["A"] is given and list(symbols) == ["b", "A"]
    assert tensor.text == "(A[k + m] * T)"


def test_a_declared_name_hides_a_size_and_a_number():
    assert said("n * pi", X="n", n="", pi="") == "(n * pi)"


def test_names_in_normal_form_are_one_name():
    with pytest.raises(sg.ParseError, match="'X' is declared twice"):
        parse_shapes({"X": "n", "𝐗": "n"}, functions=FAKE)


# the algebra -----------------------------------------------------------------------------------------


def test_least_squares_is_the_tensor_a_user_would_write():
    tensor, s = parse_with_symbols("sum((X @ w - y)**2)", {"X": "n d", "w": "d", "y": "n"})
    assert tensor is sg.sum((s["X"] @ s["w"] - s["y"]) ** 2)
    n, d = sg.dims("n d")
    assert s == {"X": sg.data("X", (n, d)), "w": sg.data("w", d), "y": sg.data("y", n)}
    assert sg.gradient(tensor, s["w"]).shape == (d,)


def test_tensors_built_before_keep_their_kind():
    w = sg.parameter("w", 3)
    assert parse("w @ w", w=w) is w @ w


def test_operations_of_symgrad_mean_the_same_in_a_text():
    n, k, T = sg.dims("n k T")
    z, y, x = sg.data("z", (n, k)), sg.data("y", n, dtype="integer"), sg.data("x", k, over=T)
    given = {"z": "n k", "y": "n: integer", "x": "k over T"}
    for text, tensor in {
        "-mean(log_softmax(z, axis=1)[arange(n), y])": -sg.mean(sg.log_softmax(z, axis=1)[sg.arange(n), y]),
        "z[1:, None, ::-1].T": z[1:, None, ::-1].T,
        "sum(z, axis=(0, 1), keepdims=True)": sg.sum(z, axis=(0, 1), keepdims=True),
        "einsum('ij,ij->j', z, z) / n": sg.einsum("ij,ij->j", z, z) / n,
        "z.reshape((n * k,))": z.reshape((n * k,)),
        "where(z > 0, z, z / 100)": sg.where(z > 0, z, z / 100),
        "mean(x @ x, over=T)": sg.mean(x @ x, over=T),
        "n * z - 1": z * n - 1,
        "1/3 * z": z / 3,
        "2": sg.constant(2),
    }.items():
        assert parse(text, **given).node is tensor.node, text


def test_shape_errors_pass_with_the_column_in_front():
    with pytest.raises(sg.ShapeError) as caught:
        parse("sum((X @ y)**2)", X="n d", y="n")
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith("column 8: matmul: X of shape (n, d) @ y of shape (n,): axis 1 of the first is d")
    assert shown == "    sum((X @ y)**2)" and caret.index("^") == shown.index("@")


def test_errors_of_the_fake_pass_too():
    with pytest.raises(sg.ShapeError) as caught:
        parse("s + solve(s, s)", functions=FAKE, s="")
    assert str(caught.value) == "column 5: solve: A is (n, n), b is (m,)\n    s + solve(s, s)\n        ^"


# any text --------------------------------------------------------------------------------------------

TOKENS = r"""
X w y s k n d q 0 1 2 -1 .5 1e9 10**9 True None ... : , ( ) [ ] { } + - * / ** @ < >= == = . .T .mT .sum(
.reshape( .__class__ sum( exp( mean(X) axis=0 axis=1 keepdims=True eye( zeros( arange( full( einsum(
'ij,jk' 'ij,j->i' '' " f'{ stack([ concatenate(( where( softmax( X[ X@w X.T X**2 (X@w-y) ) ) ] ] lambda
if else for in not and or ^ | & ~ % // := ; # \ λ ² ´ ﬀ __import__( open( 1j 0x 'a' b'' max( reshape(
transpose( losses. sg. squared_error( maximum( clip( norm( log( sqrt( dot( outer( tensordot( diag( trace(
expand_dims( squeeze(
""".split()


def is_read_or_refused(text):
    """Any other exception than a refusal fails the test."""
    try:
        tensor = parse(text, X="n d", w="d", y="n", s="", k="n: integer", A="3 3")
    except sg.SymgradError as error:
        assert str(error).startswith("column ") or "the text " in str(error)
    else:
        assert isinstance(tensor, sg.Tensor)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=14), st.sampled_from(["", " "]))
@example(["X"] * 40, "@")
def test_any_text_is_read_or_refused(tokens, blank):
    is_read_or_refused(blank.join(tokens))


LEAVES = st.sampled_from("X w y s k A n d 0 1 2 -1 0.5 3 1e300 10**9".split())
OPERATORS = st.sampled_from("+ - * / ** @ < >=".split())
AXES = st.sampled_from("0 -1 (0,1) None 7 'a'".split())
INDICES = st.sampled_from("0 -1 : 1: ::-1 None ... k n :2 0,0 5 [0,1] 1.5 k>0 ...,... 1:d ::0 0:0".split())
METHODS = st.sampled_from("sum T transpose std ravel squeeze".split())
CALLS = st.sampled_from("""sum mean exp log max softmax cumsum eye zeros arange stack diag trace norm one_hot
maximum dot outer reshape squeeze squared_error cross_entropy where clip argmax logsumexp""".split())
GRAMMATICAL = st.recursive(LEAVES, lambda inner: st.one_of(
    st.builds("({} {} {})".format, inner, OPERATORS, inner),
    st.builds("{}({})".format, CALLS, inner),
    st.builds("{}({}, {})".format, CALLS, inner, inner),
    st.builds("{}({}, axis={})".format, CALLS, inner, AXES),
    st.builds("{}.{}()".format, inner, METHODS),
    st.builds("{}.T".format, inner),
    st.builds("-{}".format, inner),
    st.builds("{}[{}]".format, inner, INDICES),
), max_leaves=12)


@settings(max_examples=300)
@given(GRAMMATICAL)
def test_any_expression_is_read_or_refused(text):
    is_read_or_refused(text)
