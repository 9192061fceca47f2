"""Formulas in Python's grammar: a walk over the syntax tree that calls symgrad's own operations and evaluates nothing.

What `vocabulary.py` does not list has no meaning and is a `ParseError` with its column. A text may come from
anywhere: its length, its depth (`grammar.py`) and its numbers are bounded before they cost anything.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.graphs.errors import ParseError, SymgradError
from symgrad.reading import vocabulary as words
from symgrad.reading.folding import WHOLE, fold, is_number
from symgrad.reading.grammar import REFUSED, OneLine
from symgrad.reading.vocabulary import Functions


def read_python(source: OneLine, symbols: Mapping[str, Any], table: Functions) -> Any:
    """The tensor of a text in Python's grammar."""
    tree = source.tree()
    public = {name: function for name, function in table.items() if name not in words.FACTORIES}
    reader = _Reader(source, public, symbols, words.sizes_of(symbols.values()), table["constant"])
    try:
        value = reader.operand(tree)
    except RecursionError as error:  # the depth is bounded, but the caller may have left little of the stack
        raise ParseError("the text is nested too deeply for the stack that is left") from error
    return reader.constant(value) if is_number(value) else value


@dataclass(frozen=True)
class _Reader:
    """What the names of one text mean; its methods give the values of the nodes of the tree."""

    source: OneLine
    functions: Functions
    symbols: Mapping[str, Any]
    sizes: Mapping[str, Any]
    constant: Callable[..., Any]

    def value(self, node: ast.AST) -> Any:
        """The value of an expression: a tensor, a number, a size, or tensors in a list."""
        match node:
            case ast.Constant():
                return self.literal(node)
            case ast.Name():
                return self.name(node)
            case ast.BinOp():
                return self.chain(node)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.run(self.source.start(node), "-", operator.neg, self.operand(inner))
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.operand(inner)
            case ast.Compare():
                return self.comparison(node)
            case ast.Call(func=ast.Attribute() as func):
                return self.method(node, func)
            case ast.Call():
                return self.call(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript():
                return self.entry(node)
        kind = type(node.op if isinstance(node, (ast.UnaryOp, ast.BoolOp)) else node).__name__
        self.source.refuse(node, REFUSED.get(kind, f"{kind} of Python's grammar is not read"))

    def operand(self, node: ast.AST) -> Any:
        """A value to compute with: not a list."""
        value = self.value(node)
        if isinstance(value, (list, tuple)):
            self.source.refuse(node, f"this gives {len(value)} tensors; take one of them, as in [0]")
        return value

    def run(self, column: int, name: str, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        """An operation of symgrad; what it refuses is told with the column."""
        try:
            return function(*args, **keywords)
        except SymgradError as error:
            error.args = (self.source.at(column, str(error)),)
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            raise ParseError(self.source.at(column, f"{name}: {error}")) from error

    # leaves -------------------------------------------------------------------------------------------------

    def literal(self, node: ast.Constant) -> int | float:
        value = node.value
        if isinstance(value, bool):
            self.source.refuse(node, f"{value} stands only as a named argument, as in keepdims=True")
        if isinstance(value, float) and math.isinf(value):
            self.source.refuse(node, "the number is too large for a float")
        if isinstance(value, int) and value >= WHOLE:
            self.source.refuse(node, "a whole number of 2**63 or more is not read; write a float, as in 1e30")
        if isinstance(value, (int, float)):
            return value
        kinds = {str: "a string is not read", bytes: "a bytes literal is not read",
                 complex: "a complex number is not read", type(...): "... stands only between [ and ]"}
        self.source.refuse(node, kinds.get(type(value), "None stands only as an argument or between [ and ]"))

    def name(self, node: ast.Name) -> Any:
        for known in (self.symbols, self.sizes, {"pi": math.pi}):
            if node.id in known:
                return known[node.id]
        if node.id in self.functions:
            self.source.refuse(node, f"{node.id} is a function: write {node.id}(...)")
        declared = ", ".join(self.symbols) or "no names"
        if self.sizes:
            declared += " and the sizes " + ", ".join(sorted(self.sizes))
        likely = _likely(node.id, [*self.symbols, *self.sizes])
        self.source.refuse(node, f"{node.id!r} is not declared; declared are {declared}{likely}")

    def is_module(self, node: ast.AST) -> bool:
        """np, numpy or np.linalg, unless a symbol is called so."""
        if isinstance(node, ast.Attribute):
            return node.attr in words.SUBMODULES and self.is_module(node.value)
        return isinstance(node, ast.Name) and node.id in words.MODULES and not {node.id} & {*self.symbols, *self.sizes}

    def attribute(self, node: ast.Attribute) -> Any:
        column = self.source.end(node) - len(node.attr)
        if self.is_module(node.value) and node.attr in ("pi", "e"):
            return {"pi": math.pi, "e": math.e}[node.attr]
        if node.attr == "shape":
            self.source.refuse(column, ".shape is all sizes; take one of them, as in .shape[0]")
        if node.attr in words.METHODS:
            self.source.refuse(column, f".{node.attr} is a method: write .{node.attr}(...)")
        if node.attr not in ("T", "mT"):
            self.source.refuse(column, f"the attribute .{node.attr} is not read; .T and .mT are")
        tensor = self.tensor(node.value, f".{node.attr}")
        return self.run(column, f".{node.attr}", getattr, tensor, node.attr)

    def tensor(self, node: ast.AST, what: str) -> Any:
        value = self.operand(node)
        if not words.is_tensor(value):
            self.source.refuse(node, f"{what} belongs to tensors; this is {_kind(value)}")
        return value

    # operators ----------------------------------------------------------------------------------------------

    def chain(self, node: ast.BinOp) -> Any:
        """a + b - c ... from left to right, without recursion: a long sum is not deep."""
        first, steps = node.left, [node]
        while isinstance(first, ast.BinOp):
            steps.append(first)
            first = first.left
        value = self.operand(first)
        for step in reversed(steps):
            kind = type(step.op)
            if kind not in words.BINARY:
                self.source.refuse(self.source.behind(step.left), REFUSED[kind.__name__])
            sign, apply = words.BINARY[kind]
            other = self.operand(step.right)
            column = self.source.behind(step.left)
            if is_number(value) and is_number(other):
                value = self.run(column, sign, fold, sign, value, other)
            else:
                value = self.run(column, sign, apply, self.beside(value), other)
        return value

    def comparison(self, node: ast.Compare) -> Any:
        if len(node.ops) > 1:
            self.source.refuse(node, "a chain of comparisons is not read; write logical_and(a < b, b < c)")
        kind, right = type(node.ops[0]), node.comparators[0]
        if kind not in words.COMPARISONS:
            self.source.refuse(self.source.behind(node.left), REFUSED[kind.__name__])
        sign, apply = words.COMPARISONS[kind]
        a, b = self.operand(node.left), self.operand(right)
        column = self.source.behind(node.left)
        if is_number(a) and is_number(b):
            self.source.refuse(column, f"{sign} compares tensors; here are two numbers")
        return self.run(column, sign, apply, self.beside(a), b)

    def beside(self, value: Any) -> Any:
        """A left operand of a tensor: SymPy's sizes would try to make an expression of their own of it."""
        return self.constant(value) if isinstance(value, sp.Expr) else value

    def entry(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            shape = self.tensor(node.value.value, ".shape").shape
            return self.run(self.source.end(node.value), ".shape", operator.getitem, shape, self.index(node.slice))
        value = self.value(node.value)
        if is_number(value):
            self.source.refuse(node, f"only a tensor can be indexed; this is {_kind(value)}")
        return self.run(self.source.end(node.value), "[ ]", operator.getitem, value, self.index(node.slice))

    def index(self, node: ast.AST) -> Any:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(part and self.operand(part) for part in (lower, upper, step)))
            case ast.Constant(value=None):
                return None
            case ast.Constant(value=value) if value is ...:
                return value
            case ast.Tuple(elts=parts):
                return tuple([self.index(part) for part in parts])
            case ast.List(elts=parts):
                return [self.index(part) for part in parts]
        return self.operand(node)

    # calls --------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            self.source.refuse(node, "only a function by its name is called; a product is written a * (b)")
        name = node.func.id
        if name == "len" and len(node.args) == 1 and not node.keywords:
            shape = self.tensor(node.args[0], "len").shape
            return shape[0] if shape else self.source.refuse(node, "len: a number has no length")
        if name in self.functions:
            return self.apply(node, self.source.start(node), name, self.functions[name])
        if name in self.symbols or name in self.sizes:
            self.source.refuse(node, f"{name} is not a function; a product is written {name} * (...)")
        self.source.refuse(node, f"there is no function {name!r}{_likely(name, self.functions)}")

    def method(self, node: ast.Call, func: ast.Attribute) -> Any:
        name, column = func.attr, self.source.end(func) - len(func.attr)
        if self.is_module(func.value):
            known = {**words.numpy_functions(), **self.functions}
            if name not in known or name in words.FACTORIES:
                self.source.refuse(column, f"there is no function {name!r}{_likely(name, self.functions)}")
            return self.apply(node, column, name, known[name])
        if name not in words.METHODS:
            likely = _likely(name, words.METHODS)
            if name in self.functions:
                likely = f"; write {name}(...)"
            elif name in ("T", "mT"):
                likely = f"; write .{name}, without ()"
            self.source.refuse(column, f"there is no method .{name}(){likely}")
        tensor = self.tensor(func.value, f".{name}()")
        bound = getattr(tensor, name, None)
        if bound is not None:
            return self.apply(node, column, name, bound)
        if name not in self.functions:
            self.source.refuse(column, f"there is no method .{name}()")
        return self.apply(node, column, name, self.functions[name], tensor)

    def apply(self, node: ast.Call, column: int, name: str, function: Callable[..., Any], *first: Any) -> Any:
        """`function` of the arguments of a call; `first` come before them."""
        args = list(first)
        for part in node.args:
            text = part.value if isinstance(part, ast.Constant) else None
            subscripts = name == "einsum" and not args and isinstance(text, str)
            args.append(text if subscripts else self.argument(part, name))
        keywords: dict[str, Any] = {}
        for pair in node.keywords:
            if pair.arg is None:
                self.source.refuse(pair, "an unpacking (**) is not read")
            if pair.arg in keywords or pair.arg.startswith("_"):
                fault = "given twice" if pair.arg in keywords else "not one to give"
                self.source.refuse(pair, f"the argument {pair.arg} is {fault}")
            match pair.value:
                case ast.Constant(value=True | False as flag):
                    keywords[pair.arg] = flag
                case other:
                    keywords[pair.arg] = self.argument(other, name)
        self.check(column, name, function, args, keywords)
        result = self.run(column, name, function, *args, **keywords)
        entries = math.prod(s for s in getattr(result, "shape", ()) if isinstance(s, int))
        if name in words.CREATORS and entries > words.ENTRIES:
            self.source.refuse(column, f"{name} of {entries} entries is too large; {words.ENTRIES} are the most")
        return result

    def check(self, column: int, name: str, function: Callable[..., Any], args: Any, keywords: Any) -> None:
        """Refuse arguments that the function does not have, in words about the text."""
        try:
            signature = inspect.signature(function)
        except ValueError:  # some functions written in C tell nothing
            return
        try:
            signature.bind(*args, **keywords)
        except TypeError as error:
            known = ", ".join(signature.parameters)
            self.source.refuse(column, f"{name}: {error}; its arguments are {known}")

    def argument(self, node: ast.AST, name: str, inside: bool = False) -> Any:
        """An argument of the function `name`, or (`inside`) a part of one."""
        match node:
            case ast.Constant(value=None):
                return None
            case ast.Tuple(elts=parts):
                return tuple([self.argument(part, name, True) for part in parts])
            case ast.List(elts=parts):
                return [self.argument(part, name, True) for part in parts]
        value = self.value(node)
        if isinstance(value, Fraction):  # exact in a formula; a parameter such as a slope is a float
            return float(value)
        limit = words.PIECES if name == "split" and not inside else words.SIZE
        if isinstance(value, int) and abs(value) > limit and name not in words.ELEMENTWISE:
            self.source.refuse(node, f"the whole number {value} is too large for {name}; {limit} is the most")
        return value


def _kind(value: Any) -> str:
    return "a size" if isinstance(value, sp.Expr) else "a number"


def _likely(name: str, known: Iterable[str]) -> str:
    """; did you mean ...?"""
    names = list(known)
    close = [each for each in names if each.casefold() == name.casefold()]
    close += [each for each in names if each == words.SYNONYMS.get(name)]
    close += difflib.get_close_matches(name[:100], names, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
