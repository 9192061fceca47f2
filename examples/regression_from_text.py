"""Nonlinear regression of a formula that is given as text, with standard errors: NIST's Misra1a.

The volume adsorbed at a pressure (Misra 1978; NIST StRD). With a file's name, a picture of the loss over both parameters.
"""

import sys

import numpy as np

import symgrad as sg

PRESSURE = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0]
VOLUME = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78]
CERTIFIED = {"b1": (238.94212918, 2.7070075241), "b2": (5.5015643181e-4, 7.2668688436e-6)}

b1, b2 = sg.parameter("b1"), sg.parameter("b2")
MODEL = "b1*(1 - exp(-b2*x))"
loss = sg.parse(f"sum((y - {MODEL})**2)", x="n", y="n", b1=b1, b2=b2)
model = sg.parse(MODEL, x="n", b1=b1, b2=b2)
data = {"x": np.array(PRESSURE), "y": np.array(VOLUME)}

print("model    =", model)
print("by b1, b2:", sg.jacobian(model, b1), "and", sg.jacobian(model, b2))
for start in ({"b1": 500.0, "b2": 1e-4}, {"b1": 250.0, "b2": 5e-4}):  # NIST's
    fit = sg.minimize(loss, [b1, b2], data, start=start)
    print(f"\nfrom {start}: {fit.method}, since {fit.reason}")
    for name, (value, error) in CERTIFIED.items():
        found, spread = float(fit.x[name]), float(fit.standard_errors[name])
        digits = -np.log10(max(abs(found / value - 1), 1e-16))
        print(f"  {name} = {found:.11g} ± {spread:.6g}  ({digits:.0f} digits as certified, error off by "
              f"{abs(spread / error - 1):.0e})")
    print(f"  residual sum of squares {fit.fun:.11g} after {fit.evaluations} evaluations, certified 0.12455138894")

if len(sys.argv) > 1:  # the loss over both parameters with the ways from NIST's starts
    ways = {}
    for name, start in (("start 1", {"b1": 500.0, "b2": 1e-4}), ("start 2", {"b1": 250.0, "b2": 5e-4})):
        ways[name] = sg.minimize(loss, [b1, b2], data, start=start).history
    sg.landscape(loss, (b1, b2), fit.x, data, histories=ways).save(sys.argv[1])
