"""Forward and backward in one picture.

Tensors or a derivation come in, an abstract picture goes out, which `pictures/` lays out and draws. Begin with
`drawing.py` (`sg.draw`); `graphing.py` is the networkx view (`sg.graph`), `clusters.py` and `condense.py` decide what
is drawn together, `cells.py` opens loops. Here tensors are known and points on paper are not; in `pictures/` it is the
other way round.
"""
