"""A derivative as a textbook prints it: graphs in, equal graphs out, in one normal form for people to read.

What is computed is arranged elsewhere; here nothing is stabilised and nothing is planned. `normal.py` is the whole
form; `powers.py` brings each product to one exponent for each base, `sums.py` each sum to its shortest of three
writings (as it is, with common factors outside, multiplied out).
"""
