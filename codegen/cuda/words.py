"""Words that mean something in a text of CUDA, so that no array is called like them."""

from __future__ import annotations

THREADS = 256  # of a block
WORDS = tuple("""lane rank task part row column live place power best next total sums down across tile_row tile_column on
step steps memory order losses failed rates numbers Memory Four Pair Operand One Two R C tile tiles tile_rows tile_columns
part_of leaves warps most aligned swap fetch arrived barrier warp_sum warp_max warp_min train update now THREADS TRAINED
ENTRIES BYTES SHARED threadIdx blockIdx blockDim gridDim theta g word
partial strided ranked pieces Matrix part_of_tile begin share all compute sizes made
solid launched kernel_for cp np""".split())
DEVICE_FUNCTION = "static __device__ __forceinline__ void"
