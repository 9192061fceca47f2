"""Handwritten digits: 1797 real images of 8 x 8 pixels, from scikit-learn (this is not MNIST)

A network of three layers, written for one sample as the lecture writes it:

    a^i = W^i x^{i-1} + b^i,   x^i = tanh(a^i)

`symgrad train examples/digits.py` trains it. A third of the images is held out and measured once, at the end. Of
the others, a tenth chosen by chance says after how many epochs to stop; then all of them are trained on, for as many.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import symgrad as sg

T = sg.dim("T")
x0 = sg.data("x^0", 64, over=T)
digit = sg.labels("y", classes=10, over=T)

W1, b1 = sg.parameter("W1", (128, 64), init="he_normal"), sg.parameter("b1", 128)
W2, b2 = sg.parameter("W2", (64, 128), init="he_normal"), sg.parameter("b2", 64)
W3, b3 = sg.parameter("W3", (10, 64), init="he_normal"), sg.parameter("b3", 10)

a1 = (W1 @ x0 + b1).named("a^1")
x1 = sg.tanh(a1).named("x^1")
a2 = (W2 @ x1 + b2).named("a^2")
x2 = sg.tanh(a2).named("x^2")
a3 = (W3 @ x2 + b3).named("a^3")

predict = a3  # the logits: the largest is the answer
loss = sg.empirical_risk(sg.losses.cross_entropy(a3, digit))
metrics = "accuracy"

images, answers = load_digits(return_X_y=True)
X, X_test, Y, Y_test = train_test_split(images / 16, answers, test_size=1 / 3, stratify=answers, random_state=0)
data, validation = {"x^0": X, "y": Y}, 0.1
test_data = {"x^0": X_test, "y": Y_test}

optimizer = sg.optim.Adam(1e-3)
epochs, batch_size = 150, 64
callbacks = [sg.optim.EarlyStopping(patience=20, refit=True)]
