"""MkDocs' hooks: what makes the site of the pages, at build time and without a network.

- Fences with prompts are run (`fences.py`) and shown as code and, below it, its output, without the prompts; the
  expressions named by `show=` become MathML and pictures.
- `$...$` and `$$...$$` become MathML, by the function that sets symgrad's own formulas, for which STIX Two Math is
  copied from ziamath: no script, no CDN.
- `::: name` becomes an entry of the interface reference (`listing.py`), and `sg.name` in the text a link to it.
- `{{ name }}` stands for text that is written elsewhere: ARCHITECTURE.md, the help of the command line.
"""

import html
import importlib.util
import re
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))

import fences  # noqa: E402
import listing  # noqa: E402

from symgrad.formulas.spelling.mathml import mathml_of  # noqa: E402

FONT = "STIXTwoMath-Regular.ttf"
STASH = "symgradstash%dx"
STASHED = re.compile(r"<p>symgradstash(\d+)x</p>|symgradstash(\d+)x")
state = {"pieces": [], "links": {}, "pictures": {}, "pages": {}}


def on_files(files, config):
    """The font of formulas; where each name of the reference stands."""
    ziamath = Path(importlib.util.find_spec("ziamath").origin).parent
    files.append(File.generated(config, f"assets/{FONT}", abs_src_path=str(ziamath / "fonts" / FONT)))
    state.update(pieces=[], pictures={})
    state["links"] = {name: file.url for file in files.documentation_pages()
                      for name in listing.names(file.content_string)}
    return files


def on_page_markdown(markdown, page, config, files):
    markdown = re.sub(r"\{\{ (\w+) \}\}", lambda found: INCLUDES[found[1]](), markdown)
    markdown = listing.expand(markdown)
    outcome = fences.Outcome()
    if re.search(r"^```python.*show=", markdown, re.M):
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            Path("examples").symlink_to(ROOT / "examples")
            outcome = fences.run(markdown, page.file.src_uri, commands=False)
        if outcome.wrong:
            raise PluginError("an example does not print what it shows:\n" + "".join(outcome.wrong))
    text, at, pictures = [], 0, 0
    for fence in fences.fences(markdown):
        text.append(formulas(markdown[at:fence.start]))
        text.append(as_lines(shown(fence), fence.indent))
        for expression, value in zip(fence.show, outcome.values.get(fence.start, ())):
            if hasattr(value, "svg"):
                pictures += 1
                name = f"pictures/{Path(page.file.src_uri).stem}-{pictures}.svg"
                state["pictures"][name] = picture_text(value)
                depth = page.file.dest_uri.count("/")
                piece = figure("../" * depth + name, expression, value)
            elif isinstance(value, str):
                text.append(as_lines(block(language_of(value), value, "output"), fence.indent))
                continue
            else:
                piece = formula(expression, value)
            text.append(f"\n\n{fence.indent}{stash(piece)}\n\n")
        at = fence.stop
    return "".join([*text, formulas(markdown[at:])])


def on_page_content(html, page, config, files):
    html = STASHED.sub(lambda found: state["pieces"][int(found[1] or found[2])], html)
    up = "../" * page.file.dest_uri.count("/")
    return linked(html, up)


def on_post_build(config):
    """Pictures; and the index of the search as a script, which a page that is opened from the disk may load."""
    index = (Path(config.site_dir) / "search" / "search_index.json").read_text(encoding="utf-8")
    (Path(config.site_dir) / "search" / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
    for name, svg in state["pictures"].items():
        path = Path(config.site_dir) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8")


def stash(piece):
    """A word that stands for a piece of HTML until Markdown is done with the page."""
    state["pieces"].append(piece)
    return STASH % (len(state["pieces"]) - 1)


# code ---------------------------------------------------------------------------------------------------------


def shown(fence):
    """A fence as Markdown: code without prompts, and the output below it."""
    if fence.language == "console":
        return "\n".join(block("console", f"$ {command}\n") + block("text", output, "output")
                         for command, output in fences.prompts(fence.text))
    if not fence.examples:
        return block(fence.language or "text", fence.text)
    blocks, code = [], ""
    for example in fence.examples:
        code += example.source
        want = example.exc_msg or example.want
        if want:
            want = re.sub(r"^<BLANKLINE>$", "", want, flags=re.M)
            error = ["error"] if example.exc_msg else []  # its lines are broken where they get long
            blocks += [block("python", code), block(language_of(want), want, "output", *error)]
            code = ""
    return "\n".join(blocks + ([block("python", code)] if code else []))


def block(language, text, *classes):
    names = " ".join(f".{name}" for name in (language, *classes))
    if not text.strip():
        return ""
    return f"\n```` {{ {names} }}\n{text.rstrip()}\n````\n"


def language_of(text):
    """What printed text is: Python or C that symgrad wrote, or anything else."""
    if re.match(r"\s*(import |def |@)", text):
        return "python"
    return "c" if re.match(r"\s*(for \(|static |void |int |#)", text) else "text"


def as_lines(text, indent):
    return re.sub(r"^(?=.)", indent, text, flags=re.M) if indent else text


# formulas and pictures ----------------------------------------------------------------------------------------

CODE = re.compile(r"(`+)(?:.|\n)*?\1|(?P<block>\$\$(?P<tex>(?:.|\n)+?)\$\$)"
                  r"|(?P<line>\$(?P<inline>[^\s$](?:[^$\n]*[^\s$])?)\$)")


def convert(tex, block=False):
    """LaTeX as MathML, as symgrad sets its own formulas, with the LaTeX of its lines as alternative text."""
    words = re.sub(r"\\(?:begin|end)\{aligned\}|&", "", tex).replace(r"\\", ";")
    return mathml_of(tex, block).replace("<math ", f'<math alttext="{html.escape(" ".join(words.split()))}" ', 1)


def formulas(markdown):
    """LaTeX between dollars as MathML; inline code is left alone."""
    def convert_one(found):
        if found["block"]:
            return stash(f'<div class="formula">{convert(found["tex"].strip(), block=True)}</div>')
        return stash(convert(found["inline"])) if found["line"] else found[0]

    return CODE.sub(convert_one, markdown)


def formula(expression, value):
    """A value as HTML: a derivation as its table; a tensor, structure or update rule as MathML."""
    if hasattr(value, "html"):
        return f'<div class="derivation-box">{value.html()}</div>'
    named = expression.isidentifier()
    name = f'<span class="name">{expression}</span>' if named else ""
    return f'<div class="formula{" named" * named}">{name}{convert(value._notation(), block=True)}</div>'


def picture_text(value):
    return value.svg() if callable(value.svg) else value.svg


def figure(source, expression, value):
    words = getattr(value, "words", f"{expression}: curves")
    width = re.search(r'<svg[^>]*?\bwidth="([\d.]+)', picture_text(value))
    size = f' style="--natural: {width[1]}px"' if width else ""
    return (f'<figure class="drawing"{size}><a href="{source}" title="open the picture alone">'
            f'<img src="{source}" alt="{html.escape(words[:2000])}"></a></figure>')


# links --------------------------------------------------------------------------------------------------------

SKIPPED = re.compile(r"(<(h[1-6]|a|pre)\b.*?</\2>)", re.S)
NAME = re.compile(r"<code>(sg\.[\w.]*\w)((?:\([^<]*\))?)</code>")


def linked(page, up):
    """`sg.name` in the text leads to its entry in the reference."""
    def link(found):
        url = state["links"].get(found[1])
        return f'<a class="name" href="{up}{url}#{found[1]}">{found[0]}</a>' if url else found[0]

    parts = SKIPPED.split(page)
    return "".join(part if i % 3 == 1 else NAME.sub(link, part) for i, part in enumerate(parts) if i % 3 != 2)


# text that is written elsewhere -------------------------------------------------------------------------------


def _document(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return text.partition("\n")[2]  # without its title: the page has its own


INCLUDES = {"architecture": lambda: _document("ARCHITECTURE.md"), "changelog": lambda: _document("CHANGELOG.md"),
            "speed": lambda: listing.section(ROOT / "README.md", "Speed"), "commands": lambda: listing.commands(),
            "missing": lambda: listing.section(ROOT / "README.md", "What is not there yet")}
