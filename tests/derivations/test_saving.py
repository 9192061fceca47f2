"""`Derivation.save`: what a file holds is told by its suffix."""

import pytest

import symgrad as sg


def test_a_derivation_is_saved_as_its_suffix_says(tmp_path):
    w = sg.parameter("w", 3)
    made = sg.derive(sg.sum(w**2))
    assert made.save(tmp_path / "d.md").read_text(encoding="utf-8").rstrip() == made.markdown().rstrip()
    assert r"\begin{document}" in made.save(str(tmp_path / "d.tex")).read_text(encoding="utf-8")
    assert "<html" in made.save(tmp_path / "d.html").read_text(encoding="utf-8")
    assert made.save(tmp_path / "d.txt").read_text(encoding="utf-8").rstrip() == made.unicode().rstrip()
    with pytest.raises(sg.SymgradError, match=r"a derivation is saved as .md, .tex, .html or .txt"):
        made.save(tmp_path / "d.docx")
    with pytest.raises(sg.SymgradError, match="there is no folder"):
        made.save(tmp_path / "missing" / "d.md")
