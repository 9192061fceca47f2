"""Backpropagation on the lecture's net: four layers x^i = tanh(a^i), a^i = W^i x^(i-1) + b^i, squared loss.

Run me: the derivation is printed step by step, for one sample and for the batch, then proved by numbers.
`symgrad derive examples/lecture_backprop.py` and `symgrad draw ... -o net.svg` show the same.
"""

import symgrad as sg

T, D, N = sg.dims("T D N")
sizes = [D, *sg.dims("H_1 H_2 H_3"), N]

x = sg.data("x^0", D, over=T)
y = sg.data("y", N, over=T)
wrt = [x]
for i in range(1, 5):
    W = sg.parameter(f"W^{i}", (sizes[i], sizes[i - 1]))
    b = sg.parameter(f"b^{i}", sizes[i])
    x = sg.tanh((W @ x + b).named(f"a^{i}")).named(f"x^{i}")
    wrt += [b, W]

loss = sg.empirical_risk(sg.losses.squared_error(x, y))

if __name__ == "__main__":
    derivation = sg.derive(loss, wrt)
    print(derivation.unicode())
    print(derivation.check())
