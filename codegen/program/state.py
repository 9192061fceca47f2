"""What a step of training works on, as text: classes that a program opens with.

A state keeps its arrays as long as it lives: functions write into them, C is given their addresses. So to set one is to
write into it, and a copy is another state with arrays of its own.
"""

from __future__ import annotations

import textwrap

from symgrad.codegen.program.frame import Frame
from symgrad.codegen.program.network import Network, UpdateRule
from symgrad.codegen.quoting import in_docstring, literal

NAMED = '''\
class Named(MutableMapping):
    """Arrays by name that stay where they are: to set one is to write into it. A copy is a dict."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __getitem__(self, name):
        return self.arrays[name]

    def __iter__(self):
        return iter(self.arrays)

    def __len__(self):
        return len(self.arrays)

    def __repr__(self):
        return repr(self.arrays)

    def __delitem__(self, name):
        raise TypeError(f"{name!r} is part of a whole, which stays together")

    def __setitem__(self, name, value):
        self.arrays[name][...] = self.suited(name, value)

    def suited(self, name, value):
        """A copy of `value`, to be written there; raises ValueError if it does not fit."""
        if name not in self.arrays:
            raise KeyError(f"there is no {name!r}, only {', '.join(self.arrays)}")
        new, old = ${np}.array(value), self.arrays[name]
        if not np.can_cast(new.dtype, old.dtype, "same_kind"):
            raise ValueError(f"{name}: {new.dtype} values, but {old.dtype} is needed")
        if new.shape != old.shape:
            raise ValueError(f"{name}: shape {new.shape}, but {old.shape} is needed")
        return new

    def __reduce__(self):
        return dict, ({name: array.copy() for name, array in self.arrays.items()},)
'''

STATE = '''\
class State(Named):
${doc}

    def __init__(self, given, theta=None):
        params = fitted(given["params"], PARAMETERS)
        theta = flat(params) if theta is None else theta  # one that holds the parameters already
        found = ${np}.zeros(theta.size + 3, DTYPE)  # what ranks send: g, loss, weight, whether to stop
        g, loss = found[:-3], found[-3:-2].reshape(())
        pieces, slopes = views(theta, params), views(g, params)
${moves}        super().__init__({
            "t": 0,
${seed}            "params": Named(pieces),
            "gradients": Named(slopes),
            "theta": theta,
            "g": g,
            "loss": loss,
            "rooms": {},
${states}        })
        self.found, self.ranks = found, None
        self.read, self.written = tuple(pieces.values()), (loss, *slopes.values())
${coming}${cuts}${more}        for name in KEPT:
            if name in given:
                self[name] = given[name]

    def __setitem__(self, name, value):
        old = self.arrays.get(name)
        if ${counts}:
            self.arrays[${count}] = int(value)
        elif isinstance(old, Named):  # all of it or, if a part does not fit, nothing
            if set(value) != set(old):
                raise ValueError(f"{name} are {', '.join(old)}, not {', '.join(value)}")
            for key, new in {key: old.suited(key, value[key]) for key in old}.items():
                old[key][...] = new
        else:
            super().__setitem__(name, value)

    def plain(self):
        """What a copy is made of."""
        return {"params": dict(self["params"]), **{name: self[name] for name in KEPT}}

    def copy(self):
        return State(self.plain())

    __copy__ = copy

    def __deepcopy__(self, memo):
        return State(self.plain())

    def __reduce__(self):  # without a file of the program, it is a dict, which `step` takes too
        known = getattr(sys.modules.get(__name__), "State", None) is State
        return State if known else dict, (self.plain(),)


def begin(params${begin}):
    """A state to start from${by}."""
    return State({"params": params${seeded}})


def of_dict(state, batch, lr):
    """A step of a state that is a plain dict."""
    own = State(state)
    loss = step(own, batch, lr)
    state.update({name: own[name] for name in {**own.plain(), **state} if name in own})
    return loss
'''


def state_text(net: Network, rule: UpdateRule, frame: Frame) -> str:
    """The classes of a state, and `begin`."""
    xp = frame.library.np
    values = {name: f"{xp}.full_like(theta, {value!r})" if value else f"{xp}.zeros_like(theta)"
              for name, value in rule.states.items()}
    states = "".join(f"            {literal(name)}: {value},\n" for name, value in values.items())
    count, lines = "theta.size", []
    if net.frozen:
        still = ", ".join(literal(name) for name, _ in net.sloped[len(net.sloped) - net.frozen + len(net.states):])
        listed = " + ".join([*([f"[{still}]"] if still else []), *(["list(MOVED)"] if still and net.states else []),
                             *(["MOVED"] if net.states and not still else [])])
        lines.append(f"        self.count = theta.size - sum(params[name].size for name in {listed})  # are trained")
        count = "self.count"
    if frame.pieces:
        vectors = ", ".join(f"self[{literal(name)}]" for name in ("theta", "g", *rule.states))
        lines += [f"        vectors = ({vectors})",
                  "        self.pieces = [  # what `update` takes at a time: they lie in the cache together",
                  f"            tuple(vector[i : min(i + PIECE, {count})] for vector in vectors)",
                  f"            for i in range(0, {count}, PIECE)", "        ]"]
    states_named = in_docstring(", ".join(map(literal, rule.states)))
    own = f"; {states_named}, what {in_docstring(rule.name)} keeps" if rule.states else ""
    told = (f'"""What `step` works on: "params" and "gradients" by name, which are pieces of the vectors "theta" and "g"; '
            f'"t", the steps done; "loss"; "rooms" to compute in{own}. Copies and pickles are states of their own."""')
    doc = "\n".join(textwrap.wrap(told, 96, initial_indent="    ", subsequent_indent="    "))
    parts = {"doc": doc, "states": states, "cuts": "\n".join([*lines, ""]) if lines else "",
             **_phases(net, frame),
             "more": "        self.held = None  # addresses, for C\n" if frame.step is not None and frame.pieces else ""}
    return "\n\n".join([frame.filled(NAMED), frame.filled(STATE, **parts)])


def _phases(net: Network, frame: Frame) -> dict[str, str]:
    """What a state keeps for random operations, and for numbers that a formula moves."""
    drawn = {"seed": "", "counts": 'name == "t"', "count": '"t"', "begin": "", "by": "", "seeded": ""}
    if net.masks:
        drawn = {"seed": '            "seed": 0,\n', "counts": 'name in ("t", "seed")', "count": "name",
                 "begin": ", seed=0", "by": "; `seed` decides what its steps draw", "seeded": ', "seed": seed % 2**63'}
    moves = (f"        self.moving = [(pieces[name], {frame.library.np}.zeros_like(pieces[name])) for name in MOVED]\n"
             "        slopes = {name: slopes[name] for name in slopes if name not in MOVED}\n")
    coming = "        self.written += tuple(new for _, new in self.moving)\n"
    return drawn | {"moves": moves if net.states else "", "coming": coming if net.states else ""}
