"""Pixels within an SVG: a map with a colour for each point of a grid, as a small PNG with a palette."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from symgrad.drawing.pictures.page import coordinate
from symgrad.drawing.pictures.terrain import SIDE

REGIONS = np.array([[0x3b, 0x82, 0xc4], [0xe0, 0x9f, 0x3e], [0x4f, 0xa3, 0x7c], [0xb3, 0x6a, 0xa8], [0xc7, 0x5d, 0x4d],
                    [0x6b, 0x77, 0xb8], [0x8c, 0x8c, 0x4a], [0x4b, 0xa3, 0xb5],
                    [0x9a, 0xa5, 0xb1], [0xd6, 0x8f, 0x8f]], float)  # of kinds that have no order
SHADES = 24  # of one region


def regions_image(kinds: np.ndarray, shade: np.ndarray | None) -> str:
    """Regions in a colour each, darker where `shade`, between 0 and 1, is large; negative kinds stay blank."""
    dark = np.zeros(kinds.shape) if shade is None else np.clip(np.nan_to_num(shade, nan=1.0), 0, 1)
    steps = np.rint(dark * (SHADES - 1)).astype(int)
    count = min(int(kinds.max(initial=-1)) + 1, 255 // SHADES)
    light = 1.12 - 0.72 * np.arange(SHADES) / (SHADES - 1)
    palette = np.clip(REGIONS[np.arange(count) % len(REGIONS), None] * light[:, None], 0, 255).reshape(-1, 3)
    index = np.where(kinds < 0, 0, 1 + (kinds % max(count, 1)) * SHADES + steps)
    side = coordinate(SIDE)
    return (f'<image width="{side}" height="{side}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_png(index[::-1], palette)}"/>')


def _png(index: np.ndarray, palette: np.ndarray) -> str:
    """A PNG of a palette whose entry 0 is transparent, in base64."""
    rows, columns = index.shape
    lines = np.hstack([np.zeros((rows, 1)), index]).astype(np.uint8).tobytes()
    colours = np.vstack([np.zeros((1, 3)), np.rint(palette)]).astype(np.uint8).tobytes()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    whole = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", colours) + chunk(b"tRNS", b"\x00")
             + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))
    return base64.b64encode(whole).decode("ascii")
