"""Attention with heads. Its masks are those of PyTorch's layer: True is left out, where `sg.attention`'s takes part."""

from __future__ import annotations

import math
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import BOOLEAN, REAL
from symgrad.graphs.sizes import Shape
from symgrad.language.align import as_int, as_tensor, describe
from symgrad.language.attending import attended
from symgrad.language.dropping import probability
from symgrad.language.pointwise import logical_and, logical_not, where
from symgrad.language.rearrange import expand_dims, reshape, swapaxes
from symgrad.language.reduction import mean
from symgrad.language.tensor import Tensor
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.nn.weighted import Parametric, as_torch, written


class Projection(Linear):
    """What joins the heads: with init="torch" its bias starts at zero."""

    def starts(self) -> tuple[Any, Any]:
        return super().starts()[0], None


class MultiheadAttention(Parametric):
    """Queries, keys and values are mapped, cut into `num_heads` heads, attended, joined and mapped: (output, weights).

    Parameters in PyTorch's order: W_in (3 embed_dim, embed_dim) and b_in map queries, keys and values; W_out and b_out
    what the heads give. Tensors are (length, embed_dim), one sample, or (length, batch, embed_dim), with `batch_first`
    (batch, length, embed_dim). Masks: `attn_mask` (queries, keys), or (batch num_heads, queries, keys);
    `key_padding_mask` (keys,) or (batch, keys). A boolean one is True where a key is left out, which is the other way
    round than in `sg.attention`, as in PyTorch; a real one is added. Weights are means over the heads, unless
    `average_attn_weights=False`. In training each of them is dropped with the probability `dropout`. Raises ShapeError for
    what does not fit. Source: Vaswani et al. 2017.

    >>> layer = sg.nn.MultiheadAttention(8, 2)
    >>> x = sg.data("x", (5, 8), over=sg.dim("T"))
    >>> output, weights = layer(x, x, x)
    >>> output.shape, weights.shape, [p.name for p in layer.parameters()]
    ((5, 8), (5, 5), ['W_in', 'b_in', 'W_out', 'b_out'])
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
                 add_zero_attn: bool = False, kdim: Any = None, vdim: Any = None, batch_first: bool = False, *,
                 name: str = "", init: Any = None) -> None:
        self.embed_dim, self.num_heads, self.bias, self.batch_first = embed_dim, num_heads, bias, batch_first
        self.dropout = probability(type(self).__name__, dropout, "dropout")
        if as_int(num_heads, repr(self), "num_heads") < 1 or as_int(embed_dim, repr(self), "embed_dim") % num_heads:
            raise ShapeError(f"{self!r}: embed_dim {embed_dim} does not divide into {num_heads} heads")
        for what, given in (("add_bias_kv", add_bias_kv), ("add_zero_attn", add_zero_attn)):
            if given:
                raise TypeError(f"{self!r}: {what}=True is not known: keys and values are those that are given")
        for what, size in (("kdim", kdim), ("vdim", vdim)):
            if size not in (None, embed_dim):
                raise TypeError(f"{self!r}: {what}={size} is not known: keys and values have embed_dim features; map them "
                                f"before, sg.nn.Linear({size}, {embed_dim})")
        self.within = ""  # the layer that this is a part of, and its name there
        super().__init__((3 * embed_dim, embed_dim), 3 * embed_dim, bias, f"_in{name}", init)
        self.out_proj = Projection(embed_dim, embed_dim, bias, name=f"_out{name}", init=init)

    def __repr__(self) -> str:
        return written("MultiheadAttention", (self.embed_dim, self.num_heads), {
            "dropout": (self.dropout, 0.0), "bias": (self.bias, True), "batch_first": (self.batch_first, False)})

    def starts(self) -> tuple[Any, Any]:
        return ("glorot_uniform" if as_torch(self.init) else self.init), None

    def children(self) -> list[Module]:
        return [self.out_proj]

    def named_own(self) -> list[tuple[str, Tensor]]:
        return list(zip(("in_proj_weight", "in_proj_bias"), self.own(), strict=False))

    def __call__(self, query: Any, key: Any = None, value: Any = None, key_padding_mask: Any = None,
                 need_weights: bool = True, attn_mask: Any = None, average_attn_weights: bool = True,
                 is_causal: bool = False) -> Any:
        name = self.within or repr(self)
        if key is None or value is None:
            raise TypeError(f"{name} takes queries, keys and values; give one tensor three times for self-attention")
        given = [as_tensor(t, name) for t in (query, key, value)]
        for t in given:
            if t.ndim not in (2, 3) or t.shape[-1] != self.embed_dim or t.ndim != given[0].ndim:
                raise ShapeError(f"{name}: {describe(t)} must be (length, {self.embed_dim}), or "
                                 f"{'(batch, length' if self.batch_first else '(length, batch'}, {self.embed_dim}), all "
                                 "three alike")
        turned = given[0].ndim == 3 and not self.batch_first
        Q, K, V = (self._heads(swapaxes(t, 0, 1) if turned else t, place) for place, t in enumerate(given))
        mask = self._mask(name, (*Q.shape[:-1], K.shape[-2]), attn_mask, key_padding_mask)
        taken, weights = attended(name, Q, K, V, mask, is_causal, None, self.dropout)
        joined = swapaxes(taken, -2, -3)
        output = self.out_proj(reshape(joined, (*joined.shape[:-2], self.embed_dim)))
        output = swapaxes(output, 0, 1) if turned else output
        if not need_weights:
            return output, None
        return output, mean(weights, axis=-3) if average_attn_weights else weights

    def _heads(self, t: Tensor, place: int) -> Tensor:
        """(..., length, embed_dim) mapped and cut: (..., heads, length, embed_dim / heads)."""
        W, b = self.held_both()
        part = slice(place * self.embed_dim, (place + 1) * self.embed_dim)
        mapped = t @ W[part].T if b is None else t @ W[part].T + b[part]
        return swapaxes(reshape(mapped, (*t.shape[:-1], self.num_heads, self.embed_dim // self.num_heads)), -2, -3)

    def _mask(self, name: str, scores: Shape, attn_mask: Any, key_padding_mask: Any) -> Tensor | None:
        """Both masks as one of `sg.attention`, to be laid along the shape of `scores`."""
        *lead, _, queries, keys = scores
        found = []
        if attn_mask is not None:
            t = as_tensor(attn_mask, name)
            if t.shape == (queries, keys):
                found.append(t)
            elif lead and t.shape == (lead[0] * self.num_heads, queries, keys):
                found.append(reshape(t, scores))
            else:
                more = f", or {shape_text((lead[0] * self.num_heads, queries, keys))}" if lead else ""
                raise ShapeError(f"{name}: attn_mask {describe(t)} must have the shape "
                                 f"{shape_text((queries, keys))}{more}")
        if key_padding_mask is not None:
            t = as_tensor(key_padding_mask, name)
            if t.shape != (*lead, keys):
                raise ShapeError(f"{name}: key_padding_mask {describe(t)} must have the shape "
                                 f"{shape_text((*lead, keys))}")
            found.append(expand_dims(expand_dims(t, -2), -2))
        for t in found:
            if t.dtype not in (BOOLEAN, REAL):
                raise ShapeError(f"{name}: the mask {describe(t)} is {t.dtype}; it must be boolean (True is left out) or "
                                 "real (added to the scores)")
        if not found:
            return None
        if all(t.dtype == BOOLEAN for t in found):
            seen = [logical_not(t) for t in found]
            return seen[0] if len(seen) == 1 else logical_and(*seen)
        added = [where(t, -math.inf, 0.0) if t.dtype == BOOLEAN else t for t in found]
        return added[0] if len(added) == 1 else added[0] + added[1]
