"""The sets of data that the page offers, by name; they are made in `samples.py`, which opens NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

TITLES: Mapping[str, tuple[str, str]] = MappingProxyType({  # and the library that has them, where it is another one
    "spirals": ("Two spirals", ""), "rings": ("Three rings", ""), "wave": ("A noisy curve", ""),
    "iris": ("Iris", "sklearn"), "digits": ("Digits", "sklearn")})


def present() -> dict[str, str]:
    """The sets that are here, with their titles."""
    return {name: title for name, (title, needs) in TITLES.items() if not needs or find_spec(needs)}
