"""Texts of CUDA as people read them: no line is too long."""

from __future__ import annotations

import textwrap

WIDE = 100  # columns of a text


def folded(text: str) -> str:
    """A text whose lines are not longer than people read: broken at commas first, or between words.

    >>> print(folded("  call(" + ", ".join(["argument"] * 12) + ");"))
      call(argument, argument, argument, argument, argument, argument, argument, argument, argument,
          argument, argument, argument);
    """
    lines: list[str] = []
    for line in text.split("\n"):
        pad = line[: len(line) - len(line.lstrip())]
        if len(line) <= WIDE or line.startswith("#") or '"' in line:
            lines.append(line)
        elif line.lstrip().startswith("//"):
            lines += textwrap.wrap(line.lstrip()[2:], WIDE, initial_indent=f"{pad}//", subsequent_indent=f"{pad}//   ",
                                   break_long_words=False, break_on_hyphens=False)
        else:
            while len(line) > WIDE and "//" not in line:
                cut = max(line.rfind(mark, len(pad) + 20, WIDE) + len(mark) - 1 for mark in (", ", "; "))
                cut = cut if cut > WIDE // 2 else line.rfind(" ", len(pad) + 8, WIDE)
                if cut < 0:
                    break
                lines.append(line[:cut])
                line = f"{pad}    {line[cut + 1:]}"
            lines.append(line)
    return "\n".join(lines)
