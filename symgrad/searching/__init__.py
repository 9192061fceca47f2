"""Search without derivatives: grids, random points, populations; and `sg.search` over what is no tensor.

Begin with `space.py`: what a search walks in, and what it has tried. The methods are generators, like those of `descent/`;
a population is evaluated in one call of generated code. `search.py` is `sg.search`.
"""
