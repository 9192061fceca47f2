"""Recurrent layers: `sg.scan` over a cell, with PyTorch's arguments, gates, parameters and results.

A cell is what differs: the affine maps of x_t and of h_{t-1}, all gates below one another, and what is made of them.
Layers lie on each other, each in one direction or in both. Sources: Elman 1990; Hochreiter and Schmidhuber 1997, with the
forget gate of Gers et al. 2000; Cho et al. 2014, where the reset gate acts behind the product, as in cuDNN.
"""

from __future__ import annotations

from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import new_owner
from symgrad.graphs.sizes import Shape
from symgrad.language.align import as_int, as_tensor, describe
from symgrad.language.contraction import zeros
from symgrad.language.dropping import dropped, probability
from symgrad.language.pointwise import relu, sigmoid, tanh
from symgrad.language.rearrange import concatenate, stack, swapaxes
from symgrad.language.scanning import scan
from symgrad.language.symbols import owned_parameter
from symgrad.language.tensor import Tensor
from symgrad.nn.weighted import Parametric, as_torch, within_root, written

State = list[Tensor]  # h, and of an LSTM c behind it
Weights = list[Tensor]


class Recurrent(Parametric):
    """What RNN, LSTM and GRU have in common: layers, directions, initial states, shapes."""

    gates = 1
    states: tuple[str, ...] = ("h",)

    def __init__(self, input_size: Any, hidden_size: Any, num_layers: int, bias: bool, batch_first: bool, dropout: float,
                 bidirectional: bool, proj_size: int, name: str, init: Any) -> None:
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional, self.proj_size = batch_first, bidirectional, proj_size
        self.bias, self.init, self.used, self.dropout = bias, init, False, dropout
        if as_int(num_layers, repr(self), "num_layers") < 1:
            raise ShapeError(f"{self!r}: num_layers must be at least 1, not {num_layers}")
        if as_int(proj_size, repr(self), "proj_size") < 0 or isinstance(hidden_size, int) and proj_size >= hidden_size:
            raise ShapeError(f"{self!r}: proj_size {proj_size} must be smaller than hidden_size {hidden_size}")
        self.dropout = probability(repr(self), dropout, "dropout")
        self.rename(name)

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.input_size, self.hidden_size), {
            "num_layers": (self.num_layers, 1), "bias": (self.bias, True), "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0.0), "bidirectional": (self.bidirectional, False), "proj_size": (self.proj_size, 0)})

    @property
    def outputs_each(self) -> Any:
        """The features of h in one direction."""
        return self.proj_size or self.hidden_size

    @property
    def directions(self) -> tuple[str, ...]:
        """The ends of parameters' names, one for each direction."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def rename(self, suffix: str) -> None:
        self.suffix, owner = suffix, new_owner()
        self._weights: list[Weights] = []
        for k in range(self.num_layers):
            below = self.input_size if k == 0 else self.outputs_each * len(self.directions)
            for direction in self.directions:
                end = f"l{k}{direction}{suffix}"
                height = self.gates * self.hidden_size
                wanted: list[tuple[str, Shape]] = [("weight_ih", (height, below))]
                wanted += [("weight_hh", (height, self.outputs_each))]
                wanted += [("bias_ih", (height,)), ("bias_hh", (height,))] if self.bias else []
                wanted += [("weight_hr", (self.proj_size, self.hidden_size))] if self.proj_size else []
                self._weights.append([owned_parameter(f"{each}_{end}", shape, self._start(shape), owner,
                                                      self._latex(each, k, direction)) for each, shape in wanted])

    def _latex(self, name: str, k: int, direction: str) -> str:
        """How papers write a parameter: W_ih, of the k-th of several layers with k above, backward with an arrow."""
        kind, _, which = name.partition("_")
        letter = "W" if kind == "weight" else "b"
        letter = rf"\overleftarrow{{{letter}}}" if direction else letter
        above = f"^{{({k + 1})}}" if self.num_layers > 1 else ""
        return rf"{letter}_{{\mathrm{{{which}}}}}{above}"

    def take(self, weights: list[Weights]) -> None:
        """Use these tensors as parameters: for every layer and direction W_ih, W_hh, their biases, the projection."""
        self.used, self._weights = True, weights

    def _start(self, shape: Shape) -> Any:
        """What a parameter starts from; with init="torch" all within 1 / sqrt(hidden_size)."""
        return within_root(repr(self), self.hidden_size) if as_torch(self.init) else self.init if len(shape) > 1 else None

    def own(self) -> list[Tensor]:
        self._use()
        return [each for weights in self._weights for each in weights]

    def named_own(self) -> list[tuple[str, Tensor]]:
        kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else []),
            *(["weight_hr"] if self.proj_size else [])]
        ends = [f"l{k}{direction}" for k in range(self.num_layers) for direction in self.directions]
        return list(zip([f"{kind}_{end}" for end in ends for kind in kinds], self.own(), strict=False))

    def __call__(self, x: Any, hx: Any = None) -> Any:
        t = as_tensor(x, repr(self))
        if t.ndim not in (2, 3) or t.shape[-1] != self.input_size:
            batched = "(batch, length" if self.batch_first else "(length, batch"
            raise ShapeError(f"{self!r}: {describe(t)} must be (length, {self.input_size}), or {batched}, "
                             f"{self.input_size})")
        turned = t.ndim == 3 and self.batch_first
        t = swapaxes(t, 0, 1) if turned else t
        begins = self._begins(t.shape[1:-1], hx)
        self._use()
        ends: list[State] = []
        for k in range(self.num_layers):
            if k and self.dropout:
                t = dropped(repr(self), t, self.dropout)
            found = []
            for i, direction in enumerate(self.directions):
                weights = [self.held(p) for p in self._weights[k * len(self.directions) + i]]
                last, hs = self._run(t, begins[k * len(self.directions) + i], weights, bool(direction))
                ends.append(last)
                found.append(hs)
            t = found[0] if len(found) == 1 else concatenate(found, -1)
        last = [stack([each[i] for each in ends], 0) for i, _ in enumerate(self.states)]
        return swapaxes(t, 0, 1) if turned else t, last[0] if len(last) == 1 else tuple(last)

    def _begins(self, batch: Shape, hx: Any) -> list[State]:
        """The first states of every layer and direction."""
        count = self.num_layers * len(self.directions)
        shapes = [(count, *batch, size) for size in (self.outputs_each, self.hidden_size)[:len(self.states)]]
        if hx is None:
            return [[zeros(shape[1:]) for shape in shapes]] * count
        given = hx if len(self.states) > 1 else [hx]
        if not isinstance(given, (tuple, list)) or len(given) != len(self.states):
            raise TypeError(f"{self!r}: the first states are the pair (h, c), not {_told(hx)}")
        found = []
        for name, each, shape in zip(self.states, given, shapes, strict=True):
            t = as_tensor(each, repr(self))
            if t.shape != shape:
                raise ShapeError(f"{self!r}: the first {name}, {describe(t)}, must have the shape {shape_text(shape)}: one "
                                 "state for each layer and direction")
            found.append(t)
        return [[t[i] for t in found] for i in range(count)]

    def _run(self, x: Tensor, begin: State, weights: Weights, reverse: bool) -> tuple[State, Tensor]:
        W, U, *rest = weights
        b, d = rest[:2] if self.bias else (None, None)

        def step(state: State, x_t: Tensor) -> tuple[State, Tensor]:
            new = self.cell(_affine(W, x_t, b), _affine(U, state[0], d), state)
            if self.proj_size:
                new = [_affine(rest[-1], new[0], None), *new[1:]]
            return new, new[0]

        last, hs = scan(step, begin, x, reverse=reverse)
        return last, hs

    def cell(self, a: Tensor, r: Tensor, state: State) -> State:
        """The next state, from the affine maps of the input and of h."""
        raise NotImplementedError

    def _gates(self, t: Tensor) -> list[Tensor]:
        """The parts of all gates below one another."""
        size = self.hidden_size
        return [t[..., i * size:(i + 1) * size] for i in range(self.gates)]


class RNN(Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or with `nonlinearity="relu"`; gives (all h, last h).

    Takes (length, input_size), one sample, or (length, batch, input_size), with `batch_first` (batch, length, input_size);
    the first h, where it is given, and the last one have one state for each layer and direction in front. Parameters in
    PyTorch's names, order and layout. Raises ShapeError for what does not fit.

    >>> layer = sg.nn.RNN(3, 4)
    >>> outputs, last = layer(sg.data("x", (sg.dim("n"), 3), over=sg.dim("T")))
    >>> outputs.shape, last.shape, [p.name for p in layer.parameters()][:2]
    ((n, 4), (1, 4), ['weight_ih_l0', 'weight_hh_l0'])
    """

    def __init__(self, input_size: Any, hidden_size: Any, num_layers: int = 1, nonlinearity: str = "tanh",
                 bias: bool = True, batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *,
                 name: str = "", init: Any = None) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ShapeError(f"RNN({input_size}, {hidden_size}): nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, name, init)

    def cell(self, a: Tensor, r: Tensor, state: State) -> State:
        return [(tanh if self.nonlinearity == "tanh" else relu)(a + r)]


class LSTM(Recurrent):
    """Gates i, f, g, o below one another: c_t = f c_{t-1} + i g, h_t = o tanh(c_t); gives (all h, (last h, last c)).

    i, f and o are sigmoids, g a tanh of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh. With `proj_size` h is W_hr o tanh(c_t).
    Takes and gives what `RNN` does, with the pair (h, c) as states. Raises ShapeError for what does not fit.

    >>> layer = sg.nn.LSTM(3, 4)
    >>> outputs, (h, c) = layer(sg.data("x", (sg.dim("n"), 3), over=sg.dim("T")))
    >>> outputs.shape, h.shape, [p.shape for p in layer.parameters()]
    ((n, 4), (1, 4), [(16, 3), (16, 4), (16,), (16,)])
    """

    gates, states = 4, ("h", "c")

    def __init__(self, input_size: Any, hidden_size: Any, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, *, name: str = "",
                 init: Any = None) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, name,
                         init)

    def cell(self, a: Tensor, r: Tensor, state: State) -> State:
        i, f, g, o = self._gates((a + r).named("a"))
        i, f, g, o = (sigmoid(i).named("i"), sigmoid(f).named("f"), tanh(g).named("g"), sigmoid(o).named("o"))
        c = f * state[1] + i * g
        return [o * tanh(c), c]


class GRU(Recurrent):
    """Gates r, z, n below one another: h_t = (1 - z) n + z h_{t-1}; gives (all h, last h).

    r and z are sigmoids of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh; n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn)): the
    reset gate acts behind the product, and b_hn inside. Takes and gives what `RNN` does. Raises ShapeError for what does
    not fit.

    >>> outputs, last = sg.nn.GRU(3, 4, bidirectional=True)(sg.data("x", (5, 2, 3)))
    >>> outputs.shape, last.shape
    ((5, 2, 8), (2, 2, 4))
    """

    gates = 3

    def __init__(self, input_size: Any, hidden_size: Any, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, *, name: str = "", init: Any = None) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, name, init)

    def cell(self, a: Tensor, r: Tensor, state: State) -> State:
        (h,) = state
        size = 2 * self.hidden_size
        one = self.hidden_size
        reset = sigmoid(a[..., :one] + r[..., :one]).named("r")
        update = sigmoid(a[..., one:size] + r[..., one:size]).named("z")
        new = tanh(a[..., size:] + reset * r[..., size:]).named("n")
        return [(1 - update) * new + update * h]


def _affine(W: Tensor, x: Tensor, b: Tensor | None) -> Tensor:
    product = W @ x if x.ndim == 1 else x @ W.T
    return product if b is None else product + b


def _told(value: Any) -> str:
    return describe(value) if isinstance(value, Tensor) else type(value).__name__
