"""A convolutional network that reads digits, after LeNet: 1797 real images of 8 x 8 pixels from scikit-learn

Two convolutions with pools between them, then two affine layers. Its derivation has a step a layer: the gradient by a
kernel is the convolution of the layer's input with its error, an error goes back through the kernel flipped, and through
a pool to where each window was largest. `symgrad train examples/networks/lenet.py` trains it, too.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import symgrad as sg

T = sg.dim("T")
x = sg.data("x", (1, 8, 8), over=T)
digit = sg.labels("y", classes=10, over=T)
network = sg.nn.Sequential(
    sg.nn.Conv2d(1, 8, 3, padding=1), sg.nn.ReLU(), sg.nn.MaxPool2d(2),
    sg.nn.Conv2d(8, 16, 3, padding="same"), sg.nn.ReLU(), sg.nn.MaxPool2d(2),
    sg.nn.Flatten(), sg.nn.Linear(64, 32), sg.nn.ReLU(), sg.nn.Linear(32, 10))

predict = network(x)
loss = sg.empirical_risk(sg.losses.cross_entropy(predict, digit))
metrics = "accuracy"

images, answers = load_digits(return_X_y=True)
X, X_test, Y, Y_test = train_test_split(images.reshape(-1, 1, 8, 8) / 16, answers, test_size=1 / 3, stratify=answers,
                                        random_state=0)
data, test_data = {"x": X, "y": Y}, {"x": X_test, "y": Y_test}
optimizer, epochs, batch_size = sg.optim.Adam(3e-3), 12, 32

if __name__ == "__main__":
    print(sg.derive(loss))
    model = sg.Model(loss, predict)
    model.fit(data, optimizer, epochs=epochs, batch_size=batch_size, progress=False)
    right = (model.predict({"x": X_test}).argmax(axis=1) == Y_test).mean()
    print(f"\nof {len(Y_test)} images that nobody has seen, more than 96 % are read: {right > 0.96}")
