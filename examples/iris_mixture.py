"""A mixture of three Gaussians by EM on iris: the algorithm is read off the loss, and printed.

The loss is the negative log-likelihood, as a book writes it. symgrad finds the logarithm of a sum in it: responsibilities
are its softmax, and the M-step is the zero of the gradient of the expected loss, in closed form.
"""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

import symgrad as sg

n, d, k = sg.dims("n d k")
X = sg.data("X", (n, d))
p = sg.parameter("p", k, simplex=True)
mu = sg.parameter("mu", (k, d))
S = sg.parameter("S", (k, d, d), positive_definite=True)
away = X[:, None, :] - mu
distance = sg.einsum("nki,kij,nkj->nk", away, sg.inv(S), away)
score = sg.log(p) - (distance + sg.logdet(S) + d * np.log(2 * np.pi)) / 2  # of every flower, for every component
loss = -sg.mean(sg.logsumexp(score, axis=1))

flowers, species = load_iris(return_X_y=True)
means = flowers[[0, 60, 120]]  # one flower of each kind to begin with
start = {"p": np.full(3, 1 / 3), "mu": means, "S": np.tile(np.cov(flowers.T), (3, 1, 1))}
found = sg.minimize(loss, [p, mu, S], {"X": flowers}, method="em", start=start, tol=1e-12)
for line in found.reason.split("; "):
    print(line)

print(f"\nloss from {found.history['loss'][0]:.4f} to {found.fun:.6f} in {len(found.history) - 1} steps")
print("the loss never rises:", bool((np.diff(found.history["loss"]) <= 1e-12).all()))
print("weights", found.x["p"].round(3), "and means")
print(found.x["mu"].round(2))

theirs = GaussianMixture(3, tol=1e-13, max_iter=5000, reg_covar=0, weights_init=start["p"], means_init=means,
                         precisions_init=np.linalg.inv(start["S"])).fit(flowers)
print("as scikit-learn's GaussianMixture:", np.allclose(found.x["mu"], theirs.means_, atol=1e-4)
      and np.allclose(found.x["S"], theirs.covariances_, atol=1e-4))

parts = score.eval(X=flowers, **found.x).argmax(axis=1)
print("flowers whose component is their species:", f"{(parts == species).mean():.1%}")
