"""The exercises' references against the book's own code, torch and simulations."""

import numpy as np
import pytest
from optlib_checks import EXERCISES, ch02


def right(name):
    """The right numbers of an exercise, by name."""
    exercise = EXERCISES[name]
    return dict(zip(exercise.returns, map(float, exercise.reference())))


# ---------------------------------------------------------------- Chapter 2


def test_the_noise_floor_is_that_of_a_simulation():
    eta, lam, sigma = 0.1, 4.0, 3.0
    rng = np.random.default_rng(0)
    for batch, share in ((1, 1.0), (int(right("noise_floor")["batch"]), 1 / 16)):
        x = np.zeros(200_000)
        for _ in range(40):
            noise = sigma / np.sqrt(batch) * rng.normal(size=x.size)
            x = x - eta * (lam * x + noise)
        assert np.mean(x**2) == pytest.approx(share * right("noise_floor")["variance"], rel=0.02)
        assert np.mean(lam * x**2 / 2) == pytest.approx(
            share * right("noise_floor")["loss"], rel=0.02
        )


def mean_square(c, steps, lam=0.25, start=1.0):
    """E x² after SGD with steps c/t, exactly."""
    square = start**2
    for t in range(1, steps + 1):
        square = (1 - c * lam / t) ** 2 * square + (c / t) ** 2
    return square


def test_one_over_t_is_that_of_the_exact_recurrence():
    best, threshold, exponent = right("one_over_t").values()
    late = {c: mean_square(c, 40_000) for c in (best - 0.5, best, best + 0.5)}
    assert min(late, key=late.get) == best
    slopes = {c: np.log10(mean_square(c, 100_000) / mean_square(c, 10_000)) for c in (1, 2, 8)}
    assert slopes[1] == pytest.approx(-exponent, abs=0.02)
    assert slopes[8] == pytest.approx(-1, abs=0.01)
    assert -1 < slopes[threshold] < -0.85  # log t / t


def test_accumulated_steps_are_those_of_whole_batches():
    for case in ch02.accumulate.cases(np.random.default_rng(3)):
        w, X, y, lr, micro, every = case.values()
        whole = ch02._sgd_epoch(w, X, y, lr, micro * every, np.arange(len(y)))
        np.testing.assert_allclose(ch02._accumulate(*case.values()), whole, rtol=1e-12)


def test_which_gradients_are_unbiased():
    """Each option's mean by counting, on gradients that are large for a few rows."""
    rng = np.random.default_rng(1)
    n, batch = 12, 4
    g = rng.normal(size=n) + 10 * (np.arange(n) == 2)
    size = np.abs(g) + 1
    p = size / size.sum()
    orders = [rng.permutation(n) for _ in range(40_000)]
    first = np.mean([g[order[:batch]].mean() for order in orders])
    known = orders[0][:batch]
    rest = np.setdiff1d(np.arange(n), known)
    means = {
        "b": first,
        "c": first,
        "d": g[rest].mean(),
        "e": p @ g,
        "f": p @ (g / (n * p)),
        "g": np.mean([g[k : k + 5].mean() for k in range(0, n, 5)]),
        "a": g[rng.integers(n, size=(40_000, batch))].mean(),
    }
    unbiased = {k for k, mean in means.items() if abs(mean - g.mean()) < 0.06}
    assert unbiased == {k for k, v in zip(ch02.unbiased.options, ch02.unbiased.reference()[0]) if v}
