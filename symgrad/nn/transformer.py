"""The layers of a Transformer: attention and a network of two layers, each with a way around it and a layer norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.activating import gelu
from symgrad.language.align import as_tensor, describe
from symgrad.language.dropping import dropped, probability
from symgrad.language.pointwise import relu
from symgrad.language.tensor import Tensor
from symgrad.nn.attention import MultiheadAttention
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.nn.normalising import LayerNorm
from symgrad.nn.weighted import written

Sublayer = Callable[[Tensor], Tensor]


class TransformerLayer(Module):
    """What an encoder's and a decoder's layer share; `attentions` says how many it has."""

    attentions = 1

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: Any = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
                 norm_first: bool = False, bias: bool = True) -> None:
        self.d_model, self.nhead, self.dim_feedforward = d_model, nhead, dim_feedforward
        self.activation, self.batch_first, self.norm_first, self.bias = activation, batch_first, norm_first, bias
        self.dropout = probability(type(self).__name__, dropout, "dropout")
        known: dict[Any, Callable[[Any], Tensor]] = {"relu": relu, "gelu": gelu}
        if activation not in known and not callable(activation):
            raise TypeError(f"{self!r}: the activation is 'relu', 'gelu' or a function, not {activation!r}")
        self.function = known.get(activation, activation)
        self.attending = [MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
                          for _ in range(self.attentions)]
        for attention, part in zip(self.attending, ("self_attn", "multihead_attn"), strict=False):
            attention.within = f"{self!r}: {part}"
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norms = [LayerNorm(d_model, layer_norm_eps, bias=bias) for _ in range(self.attentions + 1)]

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.d_model, self.nhead), {
            "dim_feedforward": (self.dim_feedforward, 2048), "dropout": (self.dropout, 0.1),
            "activation": (self.activation, "relu"), "batch_first": (self.batch_first, False),
            "norm_first": (self.norm_first, False), "bias": (self.bias, True)})

    def named_children(self) -> list[tuple[str, Module]]:
        names = [*("self_attn", "multihead_attn")[: self.attentions], "linear1", "linear2",
                 *(f"norm{i + 1}" for i in range(self.attentions + 1))]
        return list(zip(names, [*self.attending, self.linear1, self.linear2, *self.norms], strict=True))

    def children(self) -> list[Module]:
        return [*self.attending, self.linear1, self.linear2, *self.norms]

    def sequence(self, given: Any) -> Tensor:
        """A sequence as the layer takes it. Raises ShapeError for another one."""
        t = as_tensor(given, repr(self))
        if t.ndim not in (2, 3) or t.shape[-1] != self.d_model:
            raise ShapeError(f"{self!r}: {describe(t)} must be (length, {self.d_model}), or "
                             f"{'(batch, length' if self.batch_first else '(length, batch'}, {self.d_model})")
        return t

    def around(self, x: Tensor, number: int, sublayer: Sublayer) -> Tensor:
        """x + sublayer(x), normalised behind, or x normalised before the sublayer with `norm_first`."""
        norm = self.norms[number]
        added = dropped(repr(self), sublayer(norm(x) if self.norm_first else x), self.dropout)
        return x + added if self.norm_first else norm(x + added)

    def forward_network(self, x: Tensor) -> Tensor:
        """The network of two layers."""
        return self.linear2(dropped(repr(self), self.function(self.linear1(x)), self.dropout))


class TransformerEncoderLayer(TransformerLayer):
    """Attention of a sequence to itself, then a network of two layers, each with a way around it and a layer norm.

    Parameters, arguments and masks (True is left out) are PyTorch's. In training, entries are dropped with the probability
    `dropout` at PyTorch's places: weights of attention, the network's hidden values, and what is added to x. Raises
    ShapeError for what does not fit. Source: Vaswani et al. 2017; `norm_first`: Xiong et al. 2020.

    >>> layer = sg.nn.TransformerEncoderLayer(8, 2, 16)
    >>> layer(sg.data("x", (5, 8), over=sg.dim("T"))).shape, len(layer.parameters())
    ((5, 8), 12)
    """

    def __call__(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Tensor:
        def attend(t: Tensor) -> Tensor:
            output: Tensor = self.attending[0](t, t, t, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]
            return output

        x = self.around(self.sequence(src), 0, attend)
        return self.around(x, 1, self.forward_network)


class TransformerDecoderLayer(TransformerLayer):
    """Attention of a sequence to itself, attention to a memory, then a network of two layers; as the encoder's layer.

    Raises ShapeError for what does not fit. Source: Vaswani et al. 2017.

    >>> layer = sg.nn.TransformerDecoderLayer(8, 2, 16)
    >>> layer(sg.data("x", (5, 8)), sg.data("m", (3, 8))).shape, len(layer.parameters())
    ((5, 8), 18)
    """

    attentions = 2

    def __call__(self, tgt: Any, memory: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
                 tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None, tgt_is_causal: bool = False,
                 memory_is_causal: bool = False) -> Tensor:
        if memory is None:
            raise TypeError(f"{self!r} takes a sequence and the memory that it attends to")
        seen = self.sequence(memory)

        def attend(t: Tensor) -> Tensor:
            output: Tensor = self.attending[0](t, t, t, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]
            return output

        def look(t: Tensor) -> Tensor:
            output: Tensor = self.attending[1](t, seen, seen, memory_key_padding_mask, False, memory_mask,
                                               is_causal=memory_is_causal)[0]
            return output

        x = self.around(self.sequence(tgt), 0, attend)
        x = self.around(x, 1, look)
        return self.around(x, 2, self.forward_network)
