"""PyTorch's layers in operations of symgrad: convolutions, pools, norms, attention, recurrences, losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import INTEGER
from symgrad.language import attending, enlarging
from symgrad.language import contraction as co
from symgrad.language import convolving as cv
from symgrad.language import normalising as nm
from symgrad.language import pointwise as ew
from symgrad.language import reduction as red
from symgrad.language.arrays import moveaxis
from symgrad.nn.recurrent import LSTM, RNN, Recurrent

TorchRule = Callable[..., Any]


def _conv(rank: int) -> TorchRule:
    def rule(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
             groups: int = 1) -> Any:
        return cv.convolved(f"conv{rank}d", rank, input, weight, bias, stride, padding, dilation, groups)

    return rule


def _transposed(rank: int) -> TorchRule:
    def rule(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
             groups: int = 1, dilation: Any = 1) -> Any:
        return cv.unconvolved(f"conv_transpose{rank}d", rank, input, weight, bias, stride, padding, output_padding, groups,
                              dilation)

    return rule


def _pooled(function: Callable[..., Any]) -> TorchRule:
    def rule(self: Any, kernel_size: Any, stride: Any = None, **more: Any) -> Any:
        return function(self, kernel_size, stride or None, **more)

    return rule


def _layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
                **more: Any) -> Any:
    return nm.layer_norm(input, tuple(normalized_shape), weight, bias, eps)


def _group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, **more: Any) -> Any:
    return nm.group_norm(input, num_groups, weight, bias, eps)


def _batch_norm(input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool = False,
                eps: float = 1e-5, use_input_stats: bool = False, **more: Any) -> Any:
    return nm.batch_norm(input, running_mean, running_var, weight, bias, training, eps=eps)


def _fixed_batch_norm(input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, eps: float = 1e-5,
                      **more: Any) -> Any:
    return [nm.batch_norm(input, running_mean, running_var, weight, bias, eps=eps), None, None]


def _instance_norm(input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool = True,
                   eps: float = 1e-5, **more: Any) -> Any:
    if not use_input_stats:
        return nm.batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return nm.group_norm(input, input.shape[1], weight, bias, eps)


def _rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(-len(normalized_shape), 0))
    y = input / ew.sqrt(red.mean(input**2, axes, True) + eps)
    return y if weight is None else y * weight


def _attention(query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
               scale: Any = None, enable_gqa: bool = False) -> Any:
    if dropout_p or enable_gqa:
        raise SymgradError("attention with dropout or shared heads (enable_gqa) is not read")
    return attending.attention(query, key, value, attn_mask, is_causal, scale)


def _recurrent(kind: Callable[..., Recurrent]) -> TorchRule:
    """A whole layer of `sg.nn`, with the module's own parameters."""
    def rule(input: Any, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float, train: bool,
             bidirectional: bool, batch_first: bool) -> Any:
        states = list(hx) if isinstance(hx, (list, tuple)) else [hx]
        more: dict[str, Any] = {}
        each = len(params) // (num_layers * (2 if bidirectional else 1))
        if kind is LSTM and each == 3 + 2 * has_biases:
            more["proj_size"] = params[each - 1].shape[0]
        hidden = states[-1].shape[-1]
        layer = kind(input.shape[-1], hidden, num_layers, bias=has_biases, batch_first=batch_first,
                     bidirectional=bidirectional, **more)
        layer.take([list(params[i:i + each]) for i in range(0, len(params), each)])
        outputs, last = layer(input, tuple(states) if len(states) > 1 else states[0])
        return [outputs, *(last if isinstance(last, tuple) else [last])]

    return rule


def _gates(input: Any, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, count: int) -> tuple[list[Any], list[Any]]:
    """What a cell has of its input and of its state, each in `count` parts along the last axis."""
    parts = []
    for x, weight, bias in ((input, w_ih, b_ih), (state, w_hh, b_hh)):
        whole = x @ weight.T if bias is None else x @ weight.T + bias
        size = weight.shape[0] // count
        parts.append([whole[..., i * size:(i + 1) * size] for i in range(count)])
    return parts[0], parts[1]


def _lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    state, cell = hx
    i, f, g, o = (a + b for a, b in zip(*_gates(input, state, w_ih, w_hh, b_ih, b_hh, 4), strict=True))
    cell = ew.sigmoid(f) * cell + ew.sigmoid(i) * ew.tanh(g)
    return [ew.sigmoid(o) * ew.tanh(cell), cell]


def _gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    (r, z, n), (hr, hz, hn) = _gates(input, hx, w_ih, w_hh, b_ih, b_hh, 3)
    update = ew.sigmoid(z + hz)
    return (1 - update) * ew.tanh(n + ew.sigmoid(r + hr) * hn) + update * hx


def _rnn_cell(function: Callable[[Any], Any]) -> TorchRule:
    def rule(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        (mine,), (state,) = _gates(input, hx, w_ih, w_hh, b_ih, b_hh, 1)
        return function(mine + state)

    return rule


def _relu_rnn(input_size: Any, hidden_size: Any, num_layers: int, **named: Any) -> Recurrent:
    return RNN(input_size, hidden_size, num_layers, "relu", **named)


def _upsampled(mode: str) -> TorchRule:
    def rule(input: Any = None, self: Any = None, output_size: Any = None, align_corners: Any = None,
             scale_factors: Any = None, **more: Any) -> Any:
        x = self if input is None else input
        aligned: dict[str, Any] = {} if mode == "nearest" else {"align_corners": bool(align_corners)}
        if output_size is not None:
            return enlarging.interpolate(x, tuple(output_size), None, mode, **aligned)
        return enlarging.interpolate(x, None, tuple(scale_factors), mode, **aligned)

    return rule


def _cross_entropy(self: Any, target: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100,
                   label_smoothing: float = 0.0) -> Any:
    logs = moveaxis(red.log_softmax(self, min(self.ndim - 1, 1)), min(self.ndim - 1, 1), -1)
    classes = logs.shape[-1]
    weighed = logs if weight is None else weight * logs
    if target.dtype != INTEGER:  # probabilities of the classes
        shares = (1 - label_smoothing) * moveaxis(target, min(self.ndim - 1, 1), -1) + label_smoothing / classes
        found = -red.sum(shares * weighed, -1)
        return red.mean(found) if reduction == 1 else _reduced(found, reduction)
    counted = ew.not_equal(target, ignore_index)  # -100, what is left out unless another is named, is an index for arrays
    place = ew.where(counted, target, 0)
    lines = [co.arange(n).reshape((-1, *[1] * (target.ndim - 1 - a))) for a, n in enumerate(target.shape)]
    found = -weighed[(*lines, place)]
    if label_smoothing:
        found = (1 - label_smoothing) * found - label_smoothing / classes * red.sum(weighed, -1)
    found = ew.where(counted, found, 0.0)
    if reduction != 1:
        return _reduced(found, reduction)
    share = co.full(target.shape, 1.0) if weight is None else weight[place]
    return red.sum(found) / red.sum(ew.where(counted, share, 0.0))


def _reduced(loss: Any, reduction: int) -> Any:
    return loss if reduction == 0 else red.mean(loss) if reduction == 1 else red.sum(loss)


def _mse(self: Any, target: Any, reduction: int = 1) -> Any:
    return _reduced((self - target) ** 2, reduction)
