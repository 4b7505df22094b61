"""Rules against torch, optax and recorded vectors: float64, 1e-12 relative.

Every row of ``oracles.ROWS`` meets seven kinds of gradients. 200 steps: plain, noisy (in a closed
loop), and plain under a changing rate with a pickle half-way. 80 steps: sparse, zero at first,
tiny (1e-30, from a zero start) and huge (1e18).
"""

import json
import pathlib
import pickle

import numpy as np
import oracles
import pytest

from optlib import Optimizer, rules

RECORDED = json.loads((pathlib.Path(__file__).parent / "vectors.json").read_text())


class Rates:
    """base * rates[t - 1], as a schedule that pickles."""

    def __init__(self, base, rates):
        self.base, self.rates = base, rates

    def __call__(self, t):
        return self.base * self.rates[t - 1]


def our_path(row, problem, kind):
    """Parameters after each step of our optimizer: a list of (steps, *shape) arrays."""
    rule = rules.get(row.rule)
    settings = dict(row.settings)
    if kind == "schedule":
        base = settings.get(row.rate, rule.hyper[row.rate])
        settings[row.rate] = Rates(base, problem.rates)
    layers = [x.copy() for x in problem.start]
    optimizer = Optimizer(rule, layers, **settings)
    path = [np.empty((oracles.KINDS[kind], *x.shape)) for x in layers]
    for k in range(oracles.KINDS[kind]):
        if kind == "schedule" and k == oracles.STEPS // 2:
            optimizer = pickle.loads(pickle.dumps(optimizer))
        g = [problem.slope * x + e[k] for x, e in zip(layers, problem.noise, strict=True)]
        before = [x.copy() for x in g]
        layers = optimizer.step(layers, g)
        for saved, x in zip(path, layers, strict=True):
            saved[k] = x
        for x, y in zip(g, before, strict=True):
            assert (x == y).all(), "the gradient was modified"
    return path


def largest_error(ours, theirs):
    """max |ours - theirs| over the layer's largest entry so far, over all steps and layers."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        a, b = a.reshape(len(a), -1), np.asarray(b).reshape(len(b), -1)
        scale = np.maximum.accumulate(np.abs(b).max(axis=1))
        assert np.isfinite(b).all(), "the oracle itself is not finite"
        assert scale[-1] > 0, "nothing moved: this comparison could not fail"
        with np.errstate(invalid="ignore"):
            error = np.abs(a - b).max(axis=1) / np.where(scale > 0, scale, 1)
        worst = max(worst, float(error.max()))
    return worst


def rows(*libraries):
    return [
        pytest.param(row, kind, id=f"{row.id}-{kind}")
        for row in oracles.ROWS
        if row.library in libraries
        for kind in oracles.KINDS
        if kind not in row.without
    ]


def check(row, kind, theirs, ours):
    error = largest_error(ours, theirs)
    assert error <= row.tolerance, f"{row.id} {kind}: {error:.1e} > {row.tolerance:g}"


@pytest.mark.parametrize("row, kind", rows("torch"))
def test_same_path_as_torch(row, kind):
    problem = oracles.problem(kind, row.shapes)
    check(row, kind, oracles.from_torch(row, problem, kind), our_path(row, problem, kind))


@pytest.mark.parametrize("row, kind", rows("optax"))
def test_same_path_as_optax(row, kind):
    problem = oracles.problem(kind, row.shapes)
    base = row.settings.get(row.rate, rules.get(row.rule).hyper[row.rate])
    check(row, kind, oracles.from_optax(row, problem, kind, base), our_path(row, problem, kind))


@pytest.mark.parametrize("row, kind", rows("keras", "timm", "pytorch_optimizer"))
def test_same_path_as_recorded(row, kind):
    problem = oracles.problem(kind, row.shapes)
    kept = oracles.checkpoints(kind)
    ours = [x[kept] for x in our_path(row, problem, kind)]
    check(row, kind, [np.array(x) for x in RECORDED[row.call][kind]], ours)


def test_every_rule_has_a_row_or_a_reason():
    assert oracles.missing() == set()
    assert all(oracles.WITHOUT_ORACLE.values())
    assert set(oracles.WITHOUT_ORACLE) <= set(rules.ALL)
    for row in oracles.ROWS:
        assert row.tolerance == oracles.TOLERANCE or row.why, f"{row.id}: loose without a reason"
        assert all(row.without.values())


def test_vectors_are_those_of_the_rows():
    calls = {row.call for row in oracles.ROWS if row.library not in oracles.EXACT}
    assert set(RECORDED) - {"versions"} == calls


def test_muon_agrees_with_torchs_bfloat16_within_its_rounding():
    import torch

    problem = oracles.problem("plain", ((4, 6),))
    theirs = oracles.torch_path(lambda p: torch.optim.Muon(p, lr=0.1), problem, "plain")
    row = oracles.Row("torch.optim.Muon()", "muon_torch", {"lr": 0.1}, shapes=((4, 6),))
    ours = our_path(row, problem, "plain")
    difference = np.abs(ours[0][0] - theirs[0][0]).max() / 0.1  # in units of the step
    assert 1e-4 < difference < 5e-2
