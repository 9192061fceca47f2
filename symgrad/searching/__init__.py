"""Search without derivatives: grids, random points, populations; and `sg.search` over what is no tensor.

A population is evaluated in one call of generated code. Methods are generators, like those of `descent/`.
"""
