"""What the lecture does in PyTorch, in about as many lines; each part also prints what PyTorch does not show."""

import numpy as np

import symgrad as sg

rng = np.random.default_rng(0)
n, k, T = sg.dims("n k T")

# A variable that tracks its gradient: y = sum(a**2), dy/da.
a = sg.parameter("a", n)
y = sg.sum(a**2)
dy = sg.gradient(y, a)
print("y =", y, "   dy/da =", dy, "   at [1, 2, 3]:", dy.eval(a=[1, 2, 3]))

# Cross-entropy by hand: the log-softmax, at the label.
z, label = sg.parameter("z", (n, k)), sg.data("label", n, dtype="integer")
loss = -sg.mean(sg.log_softmax(z, axis=1)[sg.arange(n), label])
print("\nL =", loss, "\ndL/dz =", sg.gradient(loss, z))

# A module: two layers; a loss; the gradients of all parameters.
N, D_in, H, D_out = 32, 100, 50, 10
net = sg.nn.Sequential(sg.nn.Linear(D_in, H), sg.nn.ReLU(), sg.nn.Linear(H, D_out))
x, target = sg.data("x", D_in, over=T), sg.data("y", D_out, over=T)
loss = sg.empirical_risk(sg.losses.squared_error(net(x), target))
print("\n" + sg.derive(loss).unicode())

# The training step: output, loss, gradients, update.
batch = {"x": rng.standard_normal((N, D_in)), "y": rng.standard_normal((N, D_out))}
for optimizer in (sg.optim.SGD(lr=0.01, momentum=0.9), sg.optim.Adam(lr=1e-4)):
    print("\n" + str(optimizer.formulas()))
    step = sg.Model(loss, predict=net(x), seed=0).stepper(batch, optimizer)
    for i in range(1, 501):
        value = step()
        if i in (1, 10, 100, 500):
            print(f"  step {i:3}: loss {value:.4f}")
