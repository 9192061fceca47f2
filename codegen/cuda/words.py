"""Names in a text of CUDA: what means something there already, and letters that NVRTC does not read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from symgrad.codegen.c.names import c_identifier
from symgrad.codegen.python.identifiers import Identifiers, identifier

THREADS = 256  # of a block
WORDS = tuple("""lane rank task part row column live place power best next total sums down across tile_row tile_column on
step steps memory order losses failed rates numbers Memory Four Pair Operand One Two R C tile tiles tile_rows tile_columns
part_of leaves warps most aligned swap fetch arrived barrier warp_sum warp_max warp_min train update now THREADS TRAINED
ENTRIES BYTES SHARED threadIdx blockIdx blockDim gridDim theta g word
partial strided ranked pieces Matrix part_of_tile begin share all compute sizes made
DEPTH rounded multiply in_tf32 in_pair solid launched kernel_for cp np
eliminated substituted rooted wide apart sign top pivot factor count placed bfloat16 ahead""".split())
DEVICE_FUNCTION = "static __device__ __forceinline__ void"
CALLED_FUNCTION = "static __device__ __noinline__ void"


def cuda_identifier(name: str) -> str:
    """`name` as an identifier in ASCII, as NVRTC wants it; letters of other alphabets are called by their names.

    >>> cuda_identifier("γ3"), cuda_identifier("x^0"), cuda_identifier("G_ε"), cuda_identifier("名")
    ('gamma3', 'x0', 'G_epsilon', 'u540d')
    """
    return c_identifier("".join(letter if letter.isascii() else _spelled(letter) for letter in identifier(name)))


def _spelled(letter: str) -> str:
    words = unicodedata.name(letter, "").split()
    return words[-1].lower() if "LETTER" in words and words[-1].isalpha() else f"u{ord(letter):x}"


class CudaIdentifiers(Identifiers):
    """The names taken in one kernel; beside each is a variable with an underscore."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__(taken, cuda_identifier, "_")
