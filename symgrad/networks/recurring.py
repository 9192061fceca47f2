"""Recurrent layers: each of ONNX's is one recurrence a direction, never unrolled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.language import pointwise as ew
from symgrad.language.contraction import arange, zeros
from symgrad.language.rearrange import expand_dims, stack, transpose
from symgrad.language.scanning import scan
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads

Squashing = Callable[[Tensor, Any, Any], Tensor]
ACTIVATIONS: dict[str, tuple[Squashing, float | None, float | None]] = {  # with the defaults of alpha and beta
    "sigmoid": (lambda x, a, b: ew.sigmoid(x), None, None), "tanh": (lambda x, a, b: ew.tanh(x), None, None),
    "relu": (lambda x, a, b: ew.relu(x), None, None), "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: ew.leaky_relu(x, a), 0.01, None),
    "thresholdedrelu": (lambda x, a, b: ew.where(x > a, x, 0), 1.0, None),
    "scaledtanh": (lambda x, a, b: a * ew.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: ew.clip(a * x + b, 0, 1), 0.2, 0.5), "elu": (lambda x, a, b: ew.elu(x, a), 1.0, None),
    "softsign": (lambda x, a, b: x / (1 + ew.abs(x)), None, None), "softplus": (lambda x, a, b: ew.softplus(x), None, None),
}
Cell = Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]]


def _functions(c: Call, direction: int, usual: Sequence[str]) -> list[Callable[[Tensor], Tensor]]:
    """The activations of one direction, with their numbers."""
    count = len(usual)
    given: list[str] = c["activations"] or [*usual, *usual]
    names = given[direction * count:(direction + 1) * count]
    alphas, betas = list(c["activation_alpha"] or ()), list(c["activation_beta"] or ())
    found: list[Callable[[Tensor], Tensor]] = []
    for name in names:
        if name.lower() not in ACTIVATIONS:
            c.refuse(f"the activation {name!r} is not known")
        function, alpha, beta = ACTIVATIONS[name.lower()]
        a = alphas.pop(0) if alpha is not None and alphas else alpha
        b = betas.pop(0) if beta is not None and betas else beta
        found.append(_with_numbers(c if len(found) < 2 else None, function, a, b))
    if len(found) != count:
        c.refuse(f"it names {len(names)} activations for a direction that has {count}")
    return found


def _with_numbers(c: Call | None, function: Squashing, a: Any, b: Any) -> Callable[[Tensor], Tensor]:
    """An activation; what it takes is clipped, but the state of an LSTM, as onnxruntime does."""
    return lambda x: function(x if c is None or not c["clip"] else ew.clip(x, -c["clip"], c["clip"]), a, b)


def _parts(t: Tensor | None, count: int, size: Any) -> list[Any]:
    """Gates of stacked weights (count size, ...), or of biases; zeros where there are none."""
    return [0.0] * count if t is None else [t[i * size:(i + 1) * size] for i in range(count)]


def _recurrent(c: Call, states: Sequence[str], build: Callable[..., Cell], x: Tensor, W: Tensor, R: Tensor,
               bias: Tensor | None, lengths: Any, begins: Sequence[Tensor | None]) -> Any:
    """All directions of a layer: outputs of all steps, and the last states."""
    if c["layout"]:
        x = transpose(x, (1, 0, 2))
        begins = [None if t is None else transpose(t, (1, 0, 2)) for t in begins]
    hidden, batch, steps = R.shape[-1], x.shape[1], x.shape[0]
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(c["direction"] or "forward")
    if ways is None or W.shape[0] != len(ways):
        c.refuse(f"direction {c['direction']!r} with weights of {W.shape[0]} directions")
    outputs, last = [], []
    for d, back in enumerate(ways):
        cell = build(d, W[d], R[d], None if bias is None else bias[d], hidden)
        init = {name: zeros((batch, hidden)) if t is None else t[d] for name, t in zip(states, begins, strict=True)}
        if lengths is None:
            end, ys = scan(_stepping(cell), init, x, reverse=back)
        else:
            end, ys = scan(_stepping_within(cell, lengths), init, {"x": x, "t": arange(steps)}, reverse=back)
        outputs.append(ys)
        last.append(end)
    y, finals = stack(outputs, 1), [stack([end[name] for end in last]) for name in states]
    if c["layout"]:
        y, finals = transpose(y, (2, 0, 1, 3)), [transpose(t, (1, 0, 2)) for t in finals]
    return (y, *finals)


def _stepping(cell: Cell) -> Any:
    def step(now: dict[str, Tensor], x_t: Tensor) -> Any:
        after = cell(now, x_t)
        return after, after["h"]

    return step


def _stepping_within(cell: Cell, lengths: Tensor) -> Any:
    """Steps of sequences that end earlier: what follows leaves the state as it is, and gives 0."""
    def step(now: dict[str, Tensor], at: dict[str, Tensor]) -> Any:
        inside = expand_dims(at["t"] < lengths, -1)
        after = {name: ew.where(inside, t, now[name]) for name, t in cell(now, at["x"]).items()}
        return after, ew.where(inside, after["h"], 0)

    return step


def _rnn(c: Call, x: Tensor, W: Tensor, R: Tensor, bias: Tensor | None = None, lengths: Any = None,
         h: Tensor | None = None) -> Any:
    def build(d: int, W: Tensor, R: Tensor, b: Tensor | None, hidden: Any) -> Cell:
        (f,) = _functions(c, d, ["Tanh"])
        wb, rb = _parts(b, 2, hidden)
        return lambda now, x_t: {"h": f(x_t @ W.T + now["h"] @ R.T + wb + rb)}

    return _recurrent(c, ["h"], build, x, W, R, bias, lengths, [h])


def _gru(c: Call, x: Tensor, W: Tensor, R: Tensor, bias: Tensor | None = None, lengths: Any = None,
         h: Tensor | None = None) -> Any:
    def build(d: int, W: Tensor, R: Tensor, b: Tensor | None, n: Any) -> Cell:
        f, g = _functions(c, d, ["Sigmoid", "Tanh"])
        (Wz, Wr, Wh), (Rz, Rr, Rh) = (_parts(t, 3, n) for t in (W, R))
        bz, br, bh, cz, cr, ch = _parts(b, 6, n)

        def cell(now: dict[str, Tensor], x_t: Tensor) -> dict[str, Tensor]:
            before = now["h"]
            z = f(x_t @ Wz.T + before @ Rz.T + bz + cz)
            r = f(x_t @ Wr.T + before @ Rr.T + br + cr)
            if c["linear_before_reset"]:
                new = g(x_t @ Wh.T + r * (before @ Rh.T + ch) + bh)
            else:
                new = g(x_t @ Wh.T + (r * before) @ Rh.T + ch + bh)
            return {"h": (1 - z) * new + z * before}

        return cell

    return _recurrent(c, ["h"], build, x, W, R, bias, lengths, [h])


def _lstm(c: Call, x: Tensor, W: Tensor, R: Tensor, bias: Tensor | None = None, lengths: Any = None,
          h: Tensor | None = None, state: Tensor | None = None, P: Tensor | None = None) -> Any:
    def build(d: int, W: Tensor, R: Tensor, b: Tensor | None, n: Any) -> Cell:
        f, g, k = _functions(c, d, ["Sigmoid", "Tanh", "Tanh"])
        (Wi, Wo, Wf, Wc), (Ri, Ro, Rf, Rc) = (_parts(t, 4, n) for t in (W, R))
        bi, bo, bf, bc, di, do, df, dc = _parts(b, 8, n)
        Pi, Po, Pf = _parts(None if P is None else P[d], 3, n)

        def cell(now: dict[str, Tensor], x_t: Tensor) -> dict[str, Tensor]:
            h, s = now["h"], now["c"]
            i = f(x_t @ Wi.T + h @ Ri.T + Pi * s + bi + di)
            forget = f(x_t @ Wf.T + h @ Rf.T + Pf * s + bf + df) if not c["input_forget"] else 1 - i
            s = forget * s + i * g(x_t @ Wc.T + h @ Rc.T + bc + dc)
            o = f(x_t @ Wo.T + h @ Ro.T + Po * s + bo + do)
            return {"h": o * k(s), "c": s}

        return cell

    return _recurrent(c, ["h", "c"], build, x, W, R, bias, lengths, [h, state])


ROWS = (Reads("RNN", _rnn), Reads("GRU", _gru), Reads("LSTM", _lstm))
