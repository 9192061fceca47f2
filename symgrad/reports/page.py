"""What a page of HTML is put together from: templates, drawings, texts of derivations. Nothing in it knows a model."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import symgrad.drawing.pictures.palette as look

TEMPLATES = Path(__file__).with_name("templates")
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


def rendered(template: str, **context: Any) -> str:
    """The text of a template. What it is given is escaped, unless the template says that it is HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.get_template(template).render(look=look, **context)


def day() -> str:
    """Today in UTC, or the day of SOURCE_DATE_EPOCH, where builds that are to be reproduced set it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return f"{moment:%Y-%m-%d}"


def embedded(svg: str, prefix: str) -> str:
    """A drawing for a page that holds others too: its ids, and what refers to them, begin with `prefix`.

    >>> embedded('<svg aria-labelledby="p q"><path id="p"/><use href="#p"/><a href="#step-1"/></svg>', "a-")
    '<svg aria-labelledby="a-p q"><path id="a-p"/><use href="#a-p"/><a href="#step-1"/></svg>'
    """
    own = set(re.findall(r'\bid="([^"]+)"', svg))

    def renamed(found: re.Match[str]) -> str:
        before, names = found.groups()
        return before + " ".join(prefix + name if name in own else name for name in names.split(" "))

    return re.sub(r'(\bid="|href="#|url\(#|aria-labelledby="|aria-describedby=")([^")]+)', renamed, svg.rstrip())


def described(svg: str) -> list[str]:
    """A drawing in words, as it tells itself: the lines of its description.

    >>> described("<svg><desc>a &amp; b.\\nc</desc></svg>")
    ['a & b.', 'c']
    """
    found = re.search(r"<desc[^>]*>(.*?)</desc>", svg, re.S)
    return unescape(found[1]).split("\n") if found else []


def with_notes(page: str, notes: Mapping[str, str], within: str) -> str:
    """`page` with a piece of HTML in each element whose id `notes` names: at the end of what has the class `within`
    there, for the first time; of a row that has none, in its last cell.

    >>> with_notes('<tr id="a"><td>1</td><td>2</td></tr>', {"a": "!"}, "why")
    '<tr id="a"><td>1</td><td>2!</td></tr>'
    >>> with_notes('<p id="b"><i class="so why">x<br></i>y<i class="why">z</i></p>', {"b": "?"}, "why")
    '<p id="b"><i class="so why">x<br>?</i>y<i class="why">z</i></p>'
    """
    ends = _Ends(page, notes, within)
    ends.feed(page)
    ends.close()
    for name, place in sorted(ends.found.items(), key=lambda each: -each[1]):
        page = page[:place] + notes[name] + page[place:]
    return page


class _Ends(HTMLParser):
    """Where notes belong, as positions in the text, by the ids they are for."""

    def __init__(self, page: str, names: Mapping[str, str], within: str) -> None:
        super().__init__()
        self.starts = [0]
        for line in page.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.names, self.within = names, within
        self.open: list[tuple[str, str, bool]] = []  # tag, id, whether it is where a note belongs
        self.cells: dict[int, int] = {}  # by depth: where the last cell ended
        self.found: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append((tag, given.get("id") or "", self.within in (given.get("class") or "").split()))

    def handle_endtag(self, tag: str) -> None:
        line, column = self.getpos()
        place = self.starts[line - 1] + column
        while self.open:
            opened, name, wanted = self.open.pop()
            depth = len(self.open)
            if opened in ("td", "th"):
                self.cells[depth] = place
            if wanted:
                owner = next((each for _, each, _ in reversed(self.open) if each in self.names), None)
                if owner is not None:
                    self.found.setdefault(owner, place)
            if name in self.names:
                self.found.setdefault(name, self.cells.get(depth + 1, place) if opened == "tr" else place)
            if opened == tag:
                break
