"""One HTML page about a model: formulas, derivation, program, what the training brought.

A model comes in, one file without script or network goes out. Begin with `report.py` (`Model.report`), which fills the
templates of `templates/`; `measures.py` computes what it tells of a training. Nothing is said here that another room
does not know: a section asks the room that it is about.
"""
