"""The exercises' references against the book's own code, torch and simulations."""

import numpy as np
import pytest
import torch
from optlib_checks import (
    EXERCISES,
    adagrad_record,
    ch02,
    ch03,
    ch04,
    ch05,
    ch06,
    ch08,
    ch09,
    ch10,
    ch11,
    check,
    decay_record,
    loss_curves,
    momentum_record,
)
from test_exercises import cells, chebyshev

from optlib import Optimizer, rules, schedules


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


# ---------------------------------------------------------------- Chapter 3


def slowest(lr, beta, curvatures, gamma=0.0):
    """The modulus of the largest eigenvalue of x' = x + β d − η λ (x + γ d), d the last move."""
    worst = 0.0
    for lam in curvatures:
        step = np.array([[1 - lr * lam, beta - lr * lam * gamma]])
        matrix = np.vstack([step, step - [[1.0, 0.0]]])  # on (x, d)
        worst = max(worst, np.abs(np.linalg.eigvals(matrix)).max())
    return worst


def test_the_best_momentum_is_the_best_of_a_grid():
    lr, beta, rate = right("best_momentum").values()
    ends = (4.0, 100.0)
    assert slowest(lr, beta, ends) == pytest.approx(rate, abs=1e-6)
    grid = [
        (slowest(a * lr, b, ends), a, b)
        for a in np.linspace(0.8, 1.2, 21)
        for b in np.linspace(beta - 0.1, beta + 0.1, 21)
    ]
    _, a, b = min(grid)
    assert a == pytest.approx(1, abs=0.021) and b == pytest.approx(beta, abs=0.011)


def test_u_settles_as_the_numbers_say():
    constant, alternating, lr = right("steady").values()
    u = swing = theta = averaged = m = 0.0
    for t in range(400):
        u, swing = 0.9 * u + 1, 0.9 * swing + (-1) ** t
        m = 0.9 * m + (1 - 0.9) * 1
        theta, averaged = theta - 0.05 * u, averaged - lr * m
        assert averaged == pytest.approx(theta, rel=1e-12)
    assert u == pytest.approx(constant) and abs(swing) == pytest.approx(alternating)


def test_where_memory_helps_by_eigenvalues():
    found = {
        label
        for label, product in zip("abcdef", (0.05, 0.15, 1.0, 1.85, 1.95, 2.5))
        if slowest(product, 0.81, (1.0,)) < abs(1 - product)
    }
    assert check("helps", found)


def test_the_heavy_ball_is_the_books():
    for case in ch03.heavy_ball.cases(np.random.default_rng(2)):
        grad, x0, lrs, beta = case.values()
        if x0.ndim == 0:
            continue
        path = ch03._heavy_ball(grad, x0, lrs, beta)[0]
        lr_at = lambda t, lrs=lrs: float(lrs[int(t) - 1])  # noqa: E731
        opt = Optimizer("momentum", {"x": x0}, lr=lr_at, beta=beta)
        params = {"x": x0}
        for k in range(len(lrs)):
            params = opt.step(params, {"x": grad(params["x"])})
            np.testing.assert_allclose(params["x"], path[k + 1], rtol=1e-12)


def test_the_unknown_momentum_is_torchs_with_dampening():
    g, lr, theta = momentum_record()
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.8, dampening=0.8)
    for k in range(len(g)):
        optimizer.param_groups[0]["lr"] = lr[k]
        parameter.grad = torch.tensor([g[k]], dtype=torch.float64)
        optimizer.step()
        assert parameter.item() == pytest.approx(theta[k], abs=1e-14)


@pytest.mark.parametrize("mistake", ch03.which_momentum.mistakes, ids=lambda m: str(m.change))
def test_the_record_of_momentum_tells_every_variant_apart(mistake):
    if mistake.change != {"copied": True}:
        g, lr, theta = momentum_record()
        path = ch03._unknown_momentum(g, lr, **mistake.change)[0]
        assert np.abs(path - theta).max() > 0.03


def test_the_wrong_momentum_rules_differ_and_the_right_ones_agree():
    rng = np.random.default_rng(5)
    theta, g, u = rng.normal(size=(3, 4))
    want = ch03._momentum(theta, g, u, 0.1, 0.7)
    for function in ch03._RIGHT:
        np.testing.assert_allclose(function(theta, g, u, 0.1, 0.7), want, rtol=1e-12)
    made = [next(iter(case.values())) for case in ch03._implementations(rng)]
    assert sum(one.slip is None for one in made) == 4 and len(made) == 16
    assert {one.__name__ for one in made} == {"momentum"}
    at_rest = [one for one in made if np.allclose(one(1.0, 1.0, 0.0, 0.1, 0.9), (0.9, 1.0))]
    assert sum(one.slip is not None for one in at_rest) == 5


MOMENTUM_TESTS = [
    (lambda momentum: bool(momentum), 0, "0 of 12 wrong momentum rules caught"),
    (lambda momentum: np.allclose(momentum(1.0, 4.0, 2.0, 0.1, 0.5), (0.5, 5.0)), 9,
     "Slipped through: a gradient against u; a small gradient; coordinates that differ."),
    (lambda momentum: bool(momentum(1.0, -4.0, 2.0, 0.1, 0.5)[1] == -3), 7, "of 12"),
    (lambda momentum: False, None, "reject every momentum rule, the right ones too"),
    (lambda momentum: 1 / 0, None, "on a right momentum rule your tests stop with an error"),
]  # fmt: skip


@pytest.mark.parametrize("body, caught, words", MOMENTUM_TESTS)
def test_tests_of_momentum_are_marked_by_what_they_catch(body, caught, words):
    result = check("test_momentum", body)
    assert words in result.line and not result
    assert result.score == (0 if caught is None else pytest.approx(caught / 12))


# ---------------------------------------------------------------- Chapter 4


def test_nesterovs_limits_are_those_of_the_eigenvalues():
    nesterov_lr, heavy_ball_lr, forgets_lr = right("nesterov_limit").values()
    for lr, gamma in ((nesterov_lr, 0.8), (heavy_ball_lr, 0.0)):
        assert slowest(0.999 * lr, 0.8, (50.0,), gamma) < 1
        assert slowest(1.001 * lr, 0.8, (50.0,), gamma) > 1
    x, d = 3.0, -7.0
    assert x + 0.8 * d - forgets_lr * 50 * (x + 0.8 * d) == pytest.approx(0, abs=1e-15)


def test_the_stored_points_are_torchs_and_uncover_the_textbooks():
    for case in ch04.uncover.cases(np.random.default_rng(4)):
        path, lr, beta = case.values()
        points = ch04._uncover(path, lr, beta)[0]
        u = np.zeros_like(path[0])
        parameter = torch.tensor(path[0], requires_grad=True)
        optimizer = torch.optim.SGD([parameter], lr=lr, momentum=beta, nesterov=True)
        for k in range(len(path) - 1):
            # the gradient at the stored point, from the stored move itself
            g = ((path[k] - path[k + 1]) / lr - beta**2 * u) / (1 + beta)
            parameter.grad = torch.tensor(g)
            optimizer.step()
            np.testing.assert_allclose(parameter.detach().numpy(), path[k + 1], rtol=1e-9)
            u = beta * u + g
            np.testing.assert_allclose(points[k] - lr * u, points[k + 1], rtol=1e-9)


def test_restarts_happen():
    for case in ch04.restarted.cases(np.random.default_rng(6)):
        grad, x0, lr, steps = case.values()
        path = ch04._restarted(grad, x0, lr, steps)[0]
        never = ch04._restarted(grad, x0, lr, steps, test="never")[0]
        assert not np.allclose(path, never)


def test_no_seed_lets_the_wrong_test_of_a_restart_pass():
    for seed in range(20):
        for case in ch04.restarted.cases(np.random.default_rng(seed)):
            path = ch04._restarted(*case.values())[0]
            assert not np.allclose(path, ch04._restarted(*case.values(), test="reach")[0])


def race(rows):
    return ch04.run_race(np.array(rows))


def test_the_race_is_what_its_statement_says():
    root = np.sqrt(1000)
    beta = (root - 1) / (root + 1)
    nesterov = race([(1e-3, beta, beta)] * 400)
    assert np.flatnonzero(nesterov <= 1e-6)[0] + 1 == 287 and nesterov.max() < 1
    best, last = (2 / (1 + root)) ** 2, beta**2
    assert race([(best, last, 0)])[0] == pytest.approx(7.61, abs=0.01)
    assert check("capped_race", [(1e-3, beta, beta)] * 400).score == 0
    assert check("capped_race", [(2e-3, 0.93, 0)] * 400).score == pytest.approx(87 / 122)


def test_no_polynomial_is_quicker_than_chebyshevs():
    assert np.flatnonzero(race(chebyshev(200)) <= 1e-6)[0] + 1 == 121
    middle = 1001 / 999  # T_n at 0, with [1, 1000] brought to [-1, 1]
    heights = [np.cosh(n * np.arccosh(middle)) ** -2 for n in (120, 121)]
    assert heights[0] > 1e-6 >= heights[1]
    assert "can you say why" in check("capped_race", chebyshev(121)).line
    # the bowls stand for all curvatures between: between two of them the height hardly differs
    for rows in (chebyshev(121), [(1e-3, 0.9, 0.9)] * 150):
        few = race(rows)
        saved, ch04.CURVATURES = ch04.CURVATURES, np.linspace(1, 1000, 50_001)
        try:
            many = race(rows)
        finally:
            ch04.CURVATURES = saved
        np.testing.assert_allclose(few, many, rtol=0.05)


# ---------------------------------------------------------------- Chapter 5


def stepped_by_torch(make, gradients):
    """θ after each step of a torch optimizer, from 0."""
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = make([parameter])
    path = []
    for g in gradients:
        parameter.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        path.append(parameter.item())
    return np.array(path)


def test_adagrad_is_torchs_and_so_are_its_numbers():
    rng = np.random.default_rng(0)
    g = rng.normal(size=60)
    theta, s, path = 0.0, 0.0, []
    for one in g:
        theta, s = ch05._adagrad(theta, one, s, 0.3, 0.02)
        path.append(theta)
    by_torch = stepped_by_torch(lambda p: torch.optim.Adagrad(p, lr=0.3, eps=0.02), g)
    np.testing.assert_allclose(path, by_torch, rtol=1e-12)
    step, travel, steps = right("constant_slope").values()
    down = stepped_by_torch(lambda p: torch.optim.Adagrad(p, lr=0.1, eps=0.0), [-3.0] * 400)
    assert down[-1] == pytest.approx(travel) and down[-1] - down[-2] == pytest.approx(step)
    assert down[int(steps) - 2] < 2 <= down[int(steps) - 1]


def test_when_the_learning_rate_dies():
    t = np.arange(1, 1_000_001)
    sums = {k: np.cumsum(g**2) for k, g in {"c": 0.9**t, "d": 1 / t, "e": t**-0.5}.items()}
    for label, share in (("c", 0.48), ("d", 0.78)):
        assert 1 / np.sqrt(sums[label][-1]) == pytest.approx(share, abs=0.005)
    assert sums["c"][-1] == pytest.approx(4.26, abs=0.005)
    assert sums["e"][-1] - sums["e"][99_999] == pytest.approx(np.log(10), abs=1e-3)
    x, s = 1.0, 0.0
    for _ in range(300):
        x, s = ch05._adagrad(x, x, s, 0.5, 0.0)
    assert abs(x) < 1e-60 and s == pytest.approx(1.3626, abs=1e-3)


def test_adagrad_walks_as_far_as_torchs_and_no_less():
    rng = np.random.default_rng(3)
    g = 10 ** rng.uniform(0, 3, size=1000)
    down = stepped_by_torch(lambda p: torch.optim.Adagrad(p, lr=1.0, eps=0.0), -g)
    assert ch05.travel_over_lr(g) == pytest.approx(down[-1])
    best = np.r_[1000.0, np.ones(999)]
    least = ch05.travel_over_lr(best)
    assert least == pytest.approx(1.9988, abs=1e-4)
    assert ch05.travel_over_lr(np.ones(1000)) == pytest.approx(61.8, abs=0.01)
    for _ in range(300):  # nothing near it is better
        near = np.clip(best * np.exp(rng.normal(size=1000) * rng.random(1000) ** 30), 1, 1000)
        assert ch05.travel_over_lr(near) >= least
    assert check("freeze", np.ones(1000)).score == pytest.approx(2 / 61.8, rel=1e-3)


def test_the_record_of_adagrad_tells_every_variant_apart():
    g, theta = adagrad_record()
    for mistake in ch05.which_adagrad.mistakes:
        if mistake.change != {"copied": True}:
            path = ch05._unknown_adagrad(g, **mistake.change)[0]
            assert np.abs(path - theta).max() > 0.05
    # what the statement and the hints say of the record
    assert g[0] == 0.01 and g[1:11].max() < 0.05 and g[11] == 30 and (g[12:32] == 1).all()
    first = [abs(ch05._unknown_adagrad(g, **change)[0][0]) for change in ({}, {"start": 0.1})]
    assert first[1] == pytest.approx(0.015, abs=1e-3) and first[0] > 3 * first[1]
    assert abs(ch05._unknown_adagrad(g, inside=False)[0][0]) == pytest.approx(0.25)
    lengths = np.abs(np.diff(theta[11:32]))
    assert (np.diff(lengths) < 0).all() and lengths[0] > 1.5 * lengths[-1]
    decayed = lambda p: torch.optim.Adagrad(p, lr=0.5, eps=0.01, lr_decay=0.1)  # noqa: E731
    outside = ch05._unknown_adagrad(g, inside=False)[0]
    np.testing.assert_allclose(stepped_by_torch(decayed, g), outside, rtol=1e-12)


# ---------------------------------------------------------------- Chapter 6


def test_rmsprop_is_torchs_plain_and_centered():
    g = np.random.default_rng(0).normal(size=60)
    theta, v, path = 0.0, 0.0, []
    for one in g:
        theta, v = ch06._rmsprop(theta, one, v, 0.1, 0.9, 0.02)
        path.append(theta)
    plain = lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9, eps=0.02)  # noqa: E731
    np.testing.assert_allclose(path, stepped_by_torch(plain, g), rtol=1e-12)
    given = iter(g)
    centered = ch06._centered_run(lambda x: next(given), 0.0, 0.1, 0.9, 0.02, 60)[0][1:]
    make = lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9, eps=0.02, centered=True)  # noqa: E731
    np.testing.assert_allclose(centered, stepped_by_torch(make, g), rtol=1e-11)


def test_forgetting_by_the_weights_themselves():
    half_life, mean_age, first_step = right("forgetting").values()
    age = np.arange(20_000)
    weights = (1 - 0.99) * 0.99**age
    assert np.interp(0.5 * weights[0], weights[::-1], age[::-1]) == pytest.approx(
        half_life, abs=0.01
    )
    assert weights @ age == pytest.approx(mean_age)
    default = lambda p: torch.optim.RMSprop(p, lr=1.0, eps=0.0)  # noqa: E731
    assert stepped_by_torch(default, [-3.0])[0] == pytest.approx(first_step)


def test_the_cycle_is_where_rmsprop_ends():
    flat, steep, loss = right("cycle").values()
    x, v = np.array([1.0, 1.0]), np.zeros(2)
    for _ in range(3000):
        x, v = ch06._rmsprop(x, np.array([1.0, 100.0]) * x, v, 0.4, 0.9, 0.0)
        ends = np.abs(x)
    np.testing.assert_allclose(ends, [flat, steep], rtol=1e-6)
    assert (x[0] ** 2 + 100 * x[1] ** 2) / 2 == pytest.approx(loss)


@pytest.mark.parametrize("seed", range(4))
def test_the_climb_is_torchs(seed):
    rng = np.random.default_rng(seed)
    period = rng.normal(size=int(rng.integers(2, 21)))
    make = lambda p: torch.optim.RMSprop(p, lr=1.0, alpha=0.9, eps=0.0)  # noqa: E731
    path = stepped_by_torch(make, np.tile(period, 60))
    per_step = (path[-1] - path[-1 - period.size]) / period.size
    assert ch06.rise_over_lr(period) == pytest.approx(per_step, rel=1e-6, abs=1e-9)


def test_the_climb_does_not_depend_on_the_scale():
    period = np.r_[1.0, -0.05 * np.arange(19)]
    for scale in (1e-300, 1e-5, 1e300):
        assert ch06.rise_over_lr(scale * period) == pytest.approx(ch06.rise_over_lr(period))
    assert 0 < check("wrong_way", [20.0] + 19 * [-1.0]).score < 0.8
    assert check("wrong_way", [3.0, -1.0, -1.0]).score == 0


def test_what_lands_and_what_does_not():
    t = np.arange(1, 301)
    assert ch06.landing_error(0.02 * (1 - (t - 1) / 300)) < 1e-7
    assert ch06.landing_error(0 * t + 0.02) == pytest.approx(0.01, rel=0.03)
    assert ch06.landing_error(0.5 / t) > 5e-4
    curvature, start = ch06._bowls()
    assert curvature.min() == 1 and curvature.max() == 1000 and np.abs(start).max() == 2
    assert check("landing", lambda t: 0.02).score == 0
    assert 0.3 < check("landing", lambda t: 0.5 / t).score < 0.7


# ---------------------------------------------------------------- Chapter 8


def test_the_same_decay_in_both_forms_and_in_a_loss():
    torchs, tripled, penalty, halved = right("lambda_elsewhere").values()
    rng = np.random.default_rng(0)
    one = other = third = fourth = 1.5
    state, states = (0.0, 0.0), (0.0, 0.0)
    for t in range(1, 60):
        g, s = rng.normal(), 1 - t / 100
        h = {"t": t, "lr": 0.002 * s}
        one, *state = rules.get("adamw")(one, g, *state, weight_decay=torchs, **h)
        other, *states = rules.get("adamw_paper")(other, g, *states, weight_decay=5e-5 * s, **h)
        assert one == pytest.approx(other, rel=1e-12)
    bare = {"t": 1, "eps": 1e-8}
    third = rules.get("adamw")(third, 0.0, lr=0.006, weight_decay=torchs, **bare)[0]
    fourth = rules.get("adamw_paper")(fourth, 0.0, lr=0.006, weight_decay=tripled, **bare)[0]
    assert third == pytest.approx(fourth, rel=1e-14)
    parameter = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    sgd = torch.optim.SGD([parameter], lr=0.1, weight_decay=torchs)
    parameter.grad = torch.zeros(1, dtype=torch.float64)
    sgd.step()
    assert parameter.item() == pytest.approx(3 - 0.1 * 2 * penalty * 3, rel=1e-14)
    assert (1 - 5e-5) ** halved == pytest.approx(0.5, rel=1e-4)


def test_reference_adamw_is_torchs_and_so_is_the_repaired_loop():
    lrs = np.array([0.3, 0.2, 0.2, 0.1, 0.03])
    theta0 = np.array([[1.0, -2.0, 0.5]])
    parameter = torch.tensor(theta0, requires_grad=True)
    h = {"betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.4}
    optimizer = torch.optim.AdamW([parameter], lr=0.3, **h)
    grad = lambda x: np.tanh(x) + x  # noqa: E731
    path = ch08._adamw_run(grad, theta0, lrs, 0.4, 0.7, 0.95, 1e-3)[0]
    theta, m, v = theta0, 0 * theta0, 0 * theta0
    for t, lr in enumerate(lrs, 1):
        optimizer.param_groups[0]["lr"] = lr
        parameter.grad = torch.tensor(grad(parameter.detach().numpy()))
        theta, m, v = ch08._adamw(theta, grad(theta), m, v, t, lr, 0.7, 0.95, 1e-3, 0.4)
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), theta, rtol=1e-12)
        np.testing.assert_allclose(path[t], theta, rtol=1e-12)


def test_the_norm_settles_where_the_numbers_say():
    norm, relative, lr, weight_decay = right("settle").values()
    rng = np.random.default_rng(1)
    for start in (0.5 * norm, 1.5 * norm):
        w = rng.normal(size=2000)
        w *= start / np.linalg.norm(w)
        norms = []
        for _ in range(12_000):
            step = rng.integers(0, 2, size=w.size) * 2.0 - 1
            w = w - 0.002 * (step + 0.1 * w)
            norms.append(np.linalg.norm(w))
        assert np.mean(norms[-3000:]) == pytest.approx(norm, rel=0.04)  # it wanders by 2 %
        assert 0.002 * np.linalg.norm(step) / norms[-1] == pytest.approx(relative, rel=0.06)
    for eta, decay, size, share in ((0.002, 0.1, norm, relative), (lr, weight_decay, 2, 0.01)):
        square = 0.0
        for _ in range(100_000):
            square = (1 - eta * decay) ** 2 * square + eta**2 * 2000
        assert square**0.5 == pytest.approx(size, rel=1e-3)
        assert eta * 2000**0.5 / square**0.5 == pytest.approx(share, rel=1e-3)


def test_what_is_not_decayed_has_fewer_than_two_axes():
    text = "".join(map(str, (c["source"] for c in cells("08_adamw") if c["id"] == "no-decay")))
    for label, (name, shape, out) in ch08.PARAMETERS.items():
        assert out == (len(shape) < 2)
        written = "a single number" if shape == () else f"shape {shape}"
        assert f"- **{label}** `{name}`, {written}" in text


def test_the_record_of_decay_tells_every_variant_apart():
    g, lr, theta = decay_record()
    for mistake in ch08.which_decay.mistakes:
        if mistake.change != {"copied": True}:
            path = ch08._unknown_decay(g, lr, **mistake.change)[0]
            assert np.abs(path - theta).max() > 0.005
    # what the statement and the hints say of the record
    assert not g[:10].any() and g[10:].all() and lr[24] == pytest.approx(10 * lr[25])
    np.testing.assert_allclose(theta[:10], 2 * 0.98 ** np.arange(1, 11))
    l2 = np.r_[2.0, ch08._unknown_decay(g, lr, kind="l2")[0][:10]]
    np.testing.assert_allclose(np.diff(l2), -0.1, rtol=0.1)
    plain = ch08._unknown_decay(g, lr, corrected=False)[0]
    assert abs(plain[10] - 0.98 * plain[9]) > 2 * abs(theta[10] - 0.98 * theta[9])


# ---------------------------------------------------------------- Chapter 9


def test_the_trust_ratio_and_the_repaired_loop_are_those_of_the_books_lars():
    for case in ch09.lars_run.cases(np.random.default_rng(4)):
        grad, theta0, layer, lrs, trust, weight_decay, beta = case.values()
        path = ch09._lars_run(*case.values())[0]
        parts = {str(k): theta0[layer == k] for k in np.unique(layer)}
        lr_at = lambda t, lrs=lrs: float(lrs[int(t) - 1])  # noqa: E731
        h = {"trust": trust, "weight_decay": weight_decay, "beta": beta}
        opt = Optimizer("lars", parts, lr=lr_at, **h)
        theta = theta0
        for k in range(len(lrs)):
            g = grad(theta)
            first = ch09._trust_ratio(parts[str(layer[0])], g[layer == layer[0]], trust,
                                      weight_decay)[0]  # fmt: skip
            parts = opt.step(parts, {name: g[layer == int(name)] for name in parts})
            theta = np.concatenate(list(parts.values()))
            np.testing.assert_allclose(path[k + 1], theta, rtol=1e-11)
            if k == 0:
                d = g + weight_decay * theta0
                moved = (theta0 - theta)[0] / d[0] / lrs[0]
                assert moved == pytest.approx(float(first), rel=1e-9)
    for theta, g, decay in ((0, 1, 0.5), (0, 0, 0.5), (1, 0, 0), (2, 0, 0.5)):
        step = 1.0 * theta - rules.get("lars")(1.0 * theta, 1.0 * g, t=1, lr=1.0, trust=0.1,
                                               weight_decay=decay)[0]  # fmt: skip
        ratio = ch09._trust_ratio(np.array([theta]), np.array([g]), 0.1, decay)[0]
        assert step == pytest.approx(float(ratio) * (g + decay * theta), rel=1e-14)


def test_reference_lamb_is_the_books():
    for case in ch09.lamb.cases(np.random.default_rng(6)):
        theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay = case.values()
        h = {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}
        found = rules.get("lamb")(theta, g, m, v, t=t, lr=lr, **h)
        for a, b in zip(found, ch09._lamb(*case.values())):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_directions_are_those_of_the_first_steps():
    rng = np.random.default_rng(2)
    for _ in range(20):
        theta, g = rng.normal(size=(2, 5))
        for name, direction in zip(("lars", "lamb"), ch09.directions(theta, g)):
            h = {"eps": 0.0} if name == "lamb" else {}
            moved = rules.get(name)(theta, g, t=1, lr=0.1, weight_decay=0.1, **h)[0] - theta
            cosine = moved @ direction / np.linalg.norm(moved) / np.linalg.norm(direction)
            assert cosine == pytest.approx(1, abs=1e-12)
        assert 0 < check("opposite", [5 * [1e-6], g]).score < 0.5  # without decay, below 90°


def test_shards_give_the_gradient_of_the_joint_batch():
    rng = np.random.default_rng(5)
    rows = np.array([1, 7, 4, 0])
    per_row = rng.normal(size=(12, 3))
    shards = np.split(per_row, np.cumsum(rows)[:-1])
    means = np.array([s.mean(axis=0) if len(s) else np.full(3, np.nan) for s in shards])
    joint = per_row.mean(axis=0)
    np.testing.assert_allclose(ch09._all_reduce(means, rows, 1e9)[0], joint, rtol=1e-12)
    parameter = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.tensor(joint)
    torch.nn.utils.clip_grad_norm_([parameter], 0.1)
    clipped = ch09._all_reduce(means, rows, 0.1)[0]
    np.testing.assert_allclose(clipped, parameter.grad.numpy(), rtol=1e-4)  # torch adds 1e-6


def first_lamb_step(theta, g, corrected, *, eps=0.0, weight_decay=0.0, beta2=0.999, clip=None):
    """The first step, from Adam's moments; ``clip`` is the largest quotient of norms."""
    m, v = 0.1 * g, (1 - beta2) * g**2
    m, v = (m / 0.1, v / (1 - beta2)) if corrected else (m, v)
    r = m / (np.sqrt(v) + eps) + weight_decay * theta
    w, size = np.linalg.norm(theta), np.linalg.norm(r)
    quotient = w / size if w > 0 else 1.0
    return min(quotient, clip or np.inf) * r


def test_where_the_correction_matters_in_lamb():
    theta, g = np.array([4.0, 2.0, -2.0, 1.0]), np.array([0.01, -0.03, 0.1, 0.05])
    theta = theta / np.linalg.norm(theta)
    found = set()
    for label, setting in ch09.SETTINGS.items():
        h = dict(setting)
        scaled = h.pop("norm", 5.0) * theta
        with_it, without = (first_lamb_step(scaled, g, c, **h) for c in (True, False))
        if not np.allclose(with_it, without, rtol=1e-6, atol=1e-12):
            found.add(label)
    assert check("correction_matters", found)
    bare = first_lamb_step(theta, g, False, clip=1e-9) / first_lamb_step(theta, g, True, clip=1e-9)
    np.testing.assert_allclose(bare, 0.1 / np.sqrt(0.001))  # 3.16
    assert 0.1 / np.sqrt(0.001) == pytest.approx(3.16, abs=0.005)
    assert 0.1 / np.sqrt(0.1) == pytest.approx(0.316, abs=0.0005)
    assert 1 / np.sqrt(0.001) == pytest.approx(32, abs=0.5)


# ---------------------------------------------------------------- Chapter 10


def test_the_schedules_are_the_books():
    rng = np.random.default_rng(3)
    corners = [dict(case) for _, case in ch10.warmup_cosine.corners]
    for case in [*ch10.warmup_cosine.cases(rng), *corners]:
        t = case.pop("t")
        book = schedules.warmup_cosine(**case)(t)
        assert float(ch10._warmup_cosine(t, **case)[0]) == pytest.approx(book, rel=1e-12, abs=1e-15)
    for case in ch10.one_cycle.cases(rng):
        t = case.pop("t")
        rate, beta = map(float, ch10._one_cycle(t, **case))
        low, high = case.pop("low"), case.pop("high")
        assert rate == pytest.approx(schedules.one_cycle(**case)(t), rel=1e-9)
        share = {"steps": case["steps"], "pct": case["pct"], "low": low, "high": high}
        assert beta == pytest.approx(schedules.one_cycle_momentum(**share)(t), rel=1e-9)
    line = schedules.warmup_linear(lr=8.0, warmup=4, steps=12)
    for t in range(1, 20):
        assert ch10._line(t, 8.0, 4, 12) == pytest.approx(line(t), abs=1e-15)


def test_the_plateau_is_torchs_and_so_is_the_hint():
    losses = [3, 2, 2, 2, 2, 2]
    assert list(ch10._plateau(losses, 1.0, 0.5, 1)[0]) == [1, 1, 1, 0.5, 0.5, 0.25]
    assert list(ch10._plateau([3, 4, 2, 3, 1, 2], 1.0, 0.5, 1)[0]) == 6 * [1]
    for case in ch10.plateau.cases(np.random.default_rng(2)):
        losses, lr, factor, patience = case.values()
        parameter = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([parameter], lr=lr)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=factor, patience=patience, threshold=0.0
        )
        rates = []
        for loss in losses:
            scheduler.step(loss)
            rates.append(optimizer.param_groups[0]["lr"])
        np.testing.assert_allclose(ch10._plateau(*case.values())[0], rates, rtol=1e-12)


def test_averages_by_their_weights():
    path = np.random.default_rng(1).normal(size=(40, 3))
    mean, ema = ch10._averages(path, 7, 0.9)
    weights = 0.9 ** np.arange(38, -1, -1.0)
    np.testing.assert_allclose(ema, weights / weights.sum() @ path[1:], rtol=1e-12)
    np.testing.assert_allclose(mean, path[33:].mean(axis=0), rtol=1e-14)


def test_the_wrong_schedules_differ_and_the_right_ones_agree():
    for warmup, steps in ((4, 12), (0, 5), (1, 3), (3, 11)):
        for t in range(1, 16):
            want = ch10._line(t, 0.3, warmup, steps)
            for function in ch10._RIGHT:
                for number in (int, float):  # a sandbox sends every number as a float
                    found = function(*map(number, (t, 1, warmup, steps)))
                    assert 0.3 * found == pytest.approx(want, abs=1e-14)
    made = [next(iter(case.values())) for case in ch10._implementations(np.random.default_rng(0))]
    assert sum(one.slip is None for one in made) == 4 and len(made) == 16
    assert {one.__name__ for one in made} == {"schedule"}
    half = [one for one in made if one(8, 8.0, 4, 12) == pytest.approx(4)]
    assert len(half) > 10  # half-way down most of them, the cosine too, look right


SCHEDULE_TESTS = [
    (
        lambda schedule: bool(schedule),
        0,
        "0 of 12 wrong schedules caught.",
    ),
    (lambda schedule: bool(np.isclose(schedule(4, 8.0, 4, 12), 8)), 2, "through: inside the"),
    (lambda schedule: False, None, "reject every schedule"),
    (lambda schedule: 1 / 0, None, "an error that is no AssertionError"),
    (lambda schedule: schedule(np.arange(1, 13), 8.0, 4, 12)[0] == 2, None, "an error that is no"),
]


@pytest.mark.parametrize("body, caught, words", SCHEDULE_TESTS)
def test_tests_of_schedules_are_marked_by_what_they_catch(body, caught, words):
    result = check("test_schedule", body)
    assert words in result.line and not result
    assert result.score == (0 if caught is None else pytest.approx(caught / 12))


def simulated_loss(rates, runs):
    rng = np.random.default_rng(7)
    x = np.full((runs, 3), 10.0)
    for lr in rates:
        x = x - lr * (ch10.CURVATURES * x + rng.normal(size=x.shape))
    return np.mean(x**2 @ ch10.CURVATURES) / 2


def best_of(shape):
    """The least final loss over 400 heights of a shape, at most 1."""
    heights = np.geomspace(0.01, 1, 400)
    square = np.full((400, 3), 100.0)
    for share in shape:
        lr = (heights * share)[:, None]
        square = (1 - lr * ch10.CURVATURES) ** 2 * square + lr**2
    return np.min(square @ ch10.CURVATURES) / 2


def test_the_design_is_what_its_statement_says():
    gone = np.arange(1000) / 1000
    assert best_of(np.ones(1000)) == pytest.approx(ch10.BEST_CONSTANT, abs=5e-5)
    assert best_of((1 + np.cos(np.pi * gone)) / 2) == pytest.approx(0.0735, abs=5e-5)
    assert best_of(1 - gone) == pytest.approx(0.0699, abs=5e-5)
    rates = 0.4 * (1 - gone)
    assert ch10.final_loss(rates)[0] == pytest.approx(simulated_loss(rates, 20_000), rel=0.03)
    assert check("design", 0.12 * np.ones(1000)).score < 0.01
    assert check("design", rates).score == pytest.approx(0.986, abs=0.001)


def in_turn(rates, rounds):
    """Every rate in turn at its exact best while the others stay: the new rates."""
    lam, rates = ch10.CURVATURES, rates.copy()
    for _ in range(rounds):
        ahead = [lam]
        for lr in rates[:0:-1]:
            ahead.append(ahead[-1] * (1 - lr * lam) ** 2)
        square = np.full(3, 100.0)
        for k, weight in enumerate(reversed(ahead)):
            rates[k] = (weight * lam) @ square / (weight @ (lam**2 * square + 1))
            square = (1 - rates[k] * lam) ** 2 * square + rates[k] ** 2
    return rates


def test_descent_on_all_thousand_ends_where_the_check_says():
    """From a constant, a fall, a rise and chance; no proof that nothing lies lower."""
    t, chance = np.arange(1, 1001), np.random.default_rng(0).uniform(0, 1, 1000)
    for start in (np.full(1000, 0.1), 0.9 / t, 0.5 * t / 1000, chance):
        rates = in_turn(start, 10)
        assert (rates > 0).all() and (rates < 1).all(), "the limits do not bind"
        assert (np.diff(rates) < 0).all(), "the best order is the falling one"
        loss = ch10.final_loss(rates)[0]
        assert loss == pytest.approx(0.0666661, abs=2e-6) and f"{loss:.4f}" in ch10.LEAST
    for k in (0, 300, 999):  # an optimum in each rate
        for other in (0.99, 1.01):
            moved = rates.copy()
            moved[k] *= other
            assert ch10.final_loss(moved)[0] > loss


# ---------------------------------------------------------------- Chapter 11


def trained_by_torch(make, w, X, y, batch, epochs, before=None, cut=None):
    """A linear model by one of torch's optimizers, its batches taken as the rows lie."""
    parameter = torch.tensor(w, requires_grad=True)
    optimizer, X, y, t = make([parameter]), torch.tensor(X), torch.tensor(y), 0
    for _ in range(epochs):
        for start in range(0, len(y), batch):
            rows, t = slice(start, start + batch), t + 1
            if before:
                before(optimizer, t)
            optimizer.zero_grad()
            (((X[rows] @ parameter - y[rows]) ** 2).mean() / 2).backward()
            if cut:
                torch.nn.utils.clip_grad_norm_([parameter], cut)
            optimizer.step()
    return parameter.detach().numpy()


def test_the_repaired_loops_are_torchs():
    rng = np.random.default_rng(9)
    sgd = lambda lr: lambda p: torch.optim.SGD(p, lr=lr)  # noqa: E731
    for w, X, y, lr, batch, epochs in (c.values() for c in ch11.reset_loop.cases(rng)):
        want = trained_by_torch(sgd(lr), w, X, y, batch, epochs)
        np.testing.assert_allclose(ch11._reset_loop(w, X, y, lr, batch, epochs)[0], want, rtol=1e-9)
    for w, X, y, lr, batch, epochs in (c.values() for c in ch11.state_loop.cases(rng)):
        adam = lambda p, lr=lr: torch.optim.Adam(p, lr=lr)  # noqa: E731
        want = trained_by_torch(adam, w, X, y, batch, epochs)
        np.testing.assert_allclose(ch11._state_loop(w, X, y, lr, batch, epochs)[0], want, rtol=1e-9)
    for w, X, y, schedule, batch, epochs in (c.values() for c in ch11.schedule_loop.cases(rng)):

        def set_rate(optimizer, t, schedule=schedule):
            optimizer.param_groups[0]["lr"] = schedule(t)

        want = trained_by_torch(sgd(0.1), w, X, y, batch, epochs, before=set_rate)
        found = ch11._schedule_loop(w, X, y, schedule, batch, epochs)[0]
        np.testing.assert_allclose(found, want, rtol=1e-9)
    for w, X, y, lr, micro, limit, steps in (c.values() for c in ch11.clip_loop.cases(rng)):
        assert len(y) % micro == 0  # as the statement says
        want = trained_by_torch(sgd(lr), w, X, y, len(y), steps, cut=limit)
        found = ch11._clip_loop(w, X, y, lr, micro, limit, steps)[0]
        np.testing.assert_allclose(found, want, rtol=1e-5)  # torch adds 1e-6 to the norm


def test_the_bias_is_not_decayed_and_the_symptom_is_there():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, 2))
    X -= X.mean(axis=0)
    y = X @ [1.0, -1.0] + 4
    for change, mean in (({}, 4.0), ({"bias": True}, 4 / 1.5)):
        w, b = ch11._decay_loop(np.zeros(2), 0.0, X, y, 0.2, 0.5, 500, **change)
        assert np.mean(X @ w + b) == pytest.approx(mean, rel=1e-9)


def test_the_symptoms_of_the_broken_loops():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(12, 2))
    y = X @ [1.0, -2.0]
    # an Adam without memory: lr times a factor of t, whatever the gradients
    for t in (1, 2, 3):
        g = rng.normal(size=(1, 2))
        before = ch11._state_loop(np.zeros(2), g, np.ones(1), 0.1, 1, t - 1, state="step")[0]
        after = ch11._state_loop(np.zeros(2), g, np.ones(1), 0.1, 1, t, state="step")[0]
        factor = 0.1 / (1 - 0.9**t) / np.sqrt(0.001 / (1 - 0.999**t))
        np.testing.assert_allclose(np.abs(after - before), 0.1 * factor, rtol=1e-4)
        assert factor == pytest.approx((1, 0.744, 0.639)[t - 1], abs=5e-4)
    # the schedule by epochs: at the last step the rate is hardly below the first
    steps = 4 * 3
    line = ch11._falling(steps, 1.0)
    assert line(steps + 1) == 0 and line(3) > 0.8
    # smaller micro-batches, shorter steps
    w = np.zeros(2)
    lengths = [
        np.linalg.norm(ch11._clip_loop(w, X, y, 1.0, micro, 0.5, 1, clip="each")[0])
        for micro in (12, 3, 1)
    ]
    assert lengths[0] == pytest.approx(0.5) and lengths[0] > lengths[1] > lengths[2]
    # without a reset, gradient descent on a bowl swings for ever
    losses = []
    for epochs in range(200):
        w = ch11._reset_loop(np.zeros(2), X, y, 0.01, 12, epochs, reset="never")[0]
        losses.append(np.mean((X @ w - y) ** 2))
    turns = np.flatnonzero(np.diff(np.sign(np.diff(losses))))
    assert len(turns) > 3 and max(losses[100:]) > 0.5 * losses[0]


def test_central_differences_find_the_wrong_coordinate():
    for case in ch11.gradient_check.cases(np.random.default_rng(3)):
        f, grad, x, _ = case.values()
        errors = ch11._gradient_check(f, grad, x, 1e-5)[0]
        assert np.sum(errors > 0.4) == 1 and np.sort(errors)[-2] < 1e-5


def test_the_global_clip_is_torchs():
    for a, b, c, limit in (v.values() for v in ch11.clip_global.cases(np.random.default_rng(1))):
        layers = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in (a, b, c)]
        for parameter, g in zip(layers, (a, b, c)):
            parameter.grad = torch.tensor(g)
        norm = torch.nn.utils.clip_grad_norm_(layers, limit)
        *found, size = ch11._clip_global(a, b, c, limit)
        assert float(size) == pytest.approx(norm.item(), rel=1e-12)
        for g, parameter in zip(found, layers):
            np.testing.assert_allclose(g, parameter.grad.numpy(), rtol=1e-5)


def test_the_curves_show_what_their_hints_say():
    a, b, c, d, e, f = loss_curves()
    assert a[4] < 0.1 * a[0] and a.argmin() == 4  # falls, then grows by one factor a step
    np.testing.assert_allclose(a[21:] / a[20:-1], a[-1] / a[-2], rtol=1e-3)
    low, high = np.flatnonzero(np.diff(np.sign(np.diff(b))) != 0)[[0, 2]] + 1
    assert b.argmin() == low > 15 and 28 <= high - low <= 34 and (np.diff(b[:16]) < 0).all()
    assert b[low:].max() > 0.9 * b[0]
    late = c[30:]
    np.testing.assert_allclose(late[5:], late[:-5], rtol=0.02)
    assert np.ptp(late[:5]) > 0.2 and c.max() == c[0]
    assert d[-1] > 8 and abs(d[30:].mean() - d[-1]) < 0.05 and d[0] - d[-1] > 1
    others = min(c[-1], e[-1])
    assert d[-1] > 9 * others
    assert np.std(np.diff(e[10:31])) > 10 * np.std(np.diff(e[41:])) and e[-1] < c[-1]
    assert all(np.ptp(e[15:30][k::5]) > 0.05 for k in range(5))  # no period of 5
    assert f[-1] > 0.88 * f[0] and 0.7 < (f[30] - f[60]) / (f[0] - f[30]) < 1.1
    assert a[0] == b[0] == c[0] == e[0] == f[0]
