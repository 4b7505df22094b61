"""Weights whose length does not matter, under random gradients: where their norm settles."""

import numpy as np

from ..rule import by_name


def wander(
    rule, starts, *, steps, d=1000, size=1.0, l2=0.0, seed=0, every=200, draws=None, **hyper
):
    """Norms and relative steps of scale-invariant weights -> (t, norms, relative).

    Each gradient is random, orthogonal to the weights w (as where the loss depends on w / norm(w)
    alone) and about size * sqrt(d) / norm(w) long. All starts have one direction and meet the same
    draws.

    rule : a rule or its name. starts : norms of the first weights. l2 : l2 * w is added to the
    gradient. every : steps between two records. draws : (steps + 1, d) deviates, the start's
    direction first, in place of seeded ones. hyper : the rule's hyperparameters.
    t : (records,). norms : (records, starts), before the step. relative : norm(change) / norm(w).
    """
    rule = by_name(rule)
    hyper = {**rule.hyper, **rule.check(hyper)}
    deviate = np.random.default_rng(seed).standard_normal
    first = deviate(d) if draws is None else draws[0]
    w = np.asarray(starts, dtype=float)[:, None] * first / np.linalg.norm(first)
    state, records = rule.init(w), []
    for t in range(1, steps + 1):
        z = deviate(d) if draws is None else draws[t]
        squared = (w * w).sum(1, keepdims=True)
        g = size * (z - (w @ z)[:, None] / squared * w) / np.sqrt(squared)
        new, state = rule.step(w, g + l2 * w, state, t, hyper)
        if t % every == 0:
            norm = np.sqrt(squared[:, 0])
            records.append((t, norm, np.linalg.norm(new - w, axis=1) / norm))
        w = new
    t, norms, relative = zip(*records, strict=True)
    return np.array(t), np.array(norms), np.array(relative)
