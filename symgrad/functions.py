"""TEMPORARY interpreter by the lead until helper-4 (code generation) replaces this file: see INTERNAL.md RENAMES."""
import math
import numpy as np
import sympy as sp
from symgrad.graphs.node import topological
from symgrad.graphs.rewrite import stabilise
from symgrad.graphs.weights import to_expr

def _run(nodes, values, sizes):
    nodes = stabilise(list(nodes)); env = {}
    num = lambda s: s if isinstance(s, int) else int(sp.sympify(s).subs(sizes))
    for n in topological(nodes):
        a = [env[o] for o in n.operands]; sh = tuple(map(num, n.shape))
        op, at = n.op, n.attrs
        if op == "input": r = np.asarray(values[at[0].name]); r = r.astype(float) if n.dtype == "real" else r
        elif op == "constant": r = at[0].value
        elif op == "iota": r = np.arange(sh[0])
        elif op == "add": r = sum((float(to_expr(w).subs(sizes)) * x if n.dtype=="real" else int(to_expr(w).subs(sizes))*x for w, x in zip(at[0], a)), np.zeros(sh))
        elif op in ("einsum", "view"):
            ins, out = at; L = list(dict.fromkeys(out)); size = {}
            for lab, x in zip(ins, a): size.update(zip(lab, x.shape))
            size.update(zip(out, sh)); ops = []
            for x, lab in zip(a, ins): ops += [np.asarray(x, float) if op=="einsum" else x, list(lab)]
            have = {l for lab in ins for l in lab}
            ops += [x for l in L if l not in have for x in (np.ones(size[l]), [l])]
            r0 = np.einsum(*ops, L) if ops else np.float64(1)
            r = np.zeros(sh, r0.dtype); idx = np.indices(tuple(size[l] for l in L)) if L else ()
            r[tuple(idx[L.index(l)] for l in out)] = r0
        elif op == "elementwise":
            f = {"reciprocal": lambda x: 1/x, "sigmoid": lambda x: np.where(x>0, 1/(1+np.exp(-np.abs(x))), np.exp(-np.abs(x))/(1+np.exp(-np.abs(x)))), "softplus": lambda x: np.logaddexp(0, x), "relu": lambda x: np.maximum(x, 0), "erf": np.vectorize(math.erf, otypes=[float]), "gelu": lambda x: x/2*(1+np.vectorize(math.erf, otypes=[float])(x/2**.5)), "silu": lambda x: x/(1+np.exp(-x)), "log_or_zero": lambda x: np.where(x>0, np.log(x), 0), "where": lambda c,a,b: np.where(c,a,b), "leaky_relu": lambda x,s: np.where(x>0,x,s*x), "elu": lambda x,s: np.where(x>0,x,s*np.expm1(x)), "clip": np.clip}.get(at[0]) or getattr(np, at[0])
            r = f(*a)
        elif op in ("named", "stop"): r = a[0]
        elif op in ("max", "min"): r = getattr(np, op)(a[0], axis=at[0])
        elif op in ("argmax", "argmin"): r = getattr(np, op)(a[0], axis=at[0])
        elif op in ("softmax", "logsumexp"):
            m = a[0].max(axis=at[0], keepdims=True); e = np.exp(a[0]-m); s = e.sum(axis=at[0], keepdims=True)
            r = e/s if op == "softmax" else np.squeeze(m+np.log(s), at[0])
        elif op in ("slice", "pad"):
            big = n.operands[0].shape if op == "slice" else n.shape; small = n.shape if op == "slice" else n.operands[0].shape
            ix = np.ix_(*[num(st) + np.arange(num(l))*sp_ for (st, sp_), l in zip(at[0], small)])
            if op == "slice": r = a[0][ix]
            else: r = np.zeros(sh); r[ix] = a[0]
        elif op == "concat": r = np.concatenate(a, axis=at[0])
        elif op == "reshape": r = a[0].reshape(sh)
        elif op in ("gather", "scatter"):
            big = a[0] if op == "gather" else np.zeros(sh); axes = at[0]; rest = [i for i in range(big.ndim) if i not in axes]
            v = big.transpose(*axes, *rest)
            if op == "gather": r = v[tuple(a[1:])]
            else: np.add.at(v, tuple(a[1:]), a[0]); r = big
        else: raise NotImplementedError(op)
        env[n] = np.asarray(r).reshape(sh) if op != "reshape" else r
    return [env[n] for n in nodes]

class Function:
    def __init__(self, inputs, outputs, **kw): self.inputs, self.outputs = inputs, outputs
    def __call__(self, *args, **kw):
        vals = {t.name: a for t, a in zip(self.inputs, args)}; vals.update(kw); sizes = {}
        for t in self.inputs:
            for s, v in zip(t.node.shape, np.shape(vals[t.name])):
                if isinstance(s, sp.Symbol): sizes[s] = v
        o = self.outputs
        if isinstance(o, dict): return dict(zip(o, _run([t.node for t in o.values()], vals, sizes)))
        if isinstance(o, (list, tuple)): return _run([t.node for t in o], vals, sizes)
        return _run([o.node], vals, sizes)[0]

def function(inputs, outputs, **kw): return Function(inputs, outputs, **kw)
def evaluate(t, values):
    ins = [n for n in topological([t.node]) if n.op == "input"]; sizes = {}
    for n in ins:
        for s, v in zip(n.shape, np.shape(values[n.attrs[0].name])):
            if isinstance(s, sp.Symbol): sizes[s] = v
    return _run([t.node], values, sizes)[0]
