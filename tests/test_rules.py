"""What every rule must satisfy, whatever library agrees: identities, invariances, other readers.

Everything here runs over the registry, so that a new rule is tested by being registered.
"""

import copy
import doctest
import importlib
import inspect
import json
import math
import pickle
import pkgutil
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import optlib
from optlib import Optimizer, rules, run, schedules, surfaces, sweep, syntax
from optlib.rule import RANGES
from optlib.rules.conventions import ROSETTA

ALL = list(rules.ALL.values())
PLAIN = [r for r in ALL if r.name not in rules.MATRIX_ONLY]
every = pytest.mark.parametrize("rule", ALL, ids=str)
every_plain = pytest.mark.parametrize("rule", PLAIN, ids=lambda r: r.name)
every_any = pytest.mark.parametrize("rule", ALL, ids=lambda r: r.name)


def shape_for(rule):
    return (3, 2) if rule.name in rules.MATRIX_ONLY else (5,)


def steps(rule, gradients, theta, **hyper):
    """The path of an optimizer that is fed these gradients, start included."""
    opt = Optimizer(rule, theta, **hyper)
    path = [theta]
    for g in gradients:
        path.append(opt.step(path[-1], g, at_point=opt.rule.at is not None))
    return np.array(path)


@pytest.fixture
def noise():
    return np.random.default_rng(5).standard_normal((40, 5))


@pytest.fixture
def start():
    return np.random.default_rng(6).standard_normal(5)


def same(a, b, rtol=1e-12):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-15)


# ------------------------------------------------------------------------------ identities


def test_both_momentum_forms_agree_while_the_rate_is_constant(noise, start):
    outside = steps("momentum", noise, start, lr=0.1)
    same(outside, steps("polyak_momentum", noise, start, lr=0.1))
    falling = schedules.step(lr=0.1, every=20)
    inside = steps("polyak_momentum", noise, start, lr=falling)
    outside = steps("momentum", noise, start, lr=falling)
    same(outside[:21], inside[:21])
    assert np.abs(outside[21] - inside[21]).max() > 1e-2


def test_averaged_momentum_is_momentum_at_a_tenth_of_the_rate(noise, start):
    same(steps("damped_momentum", noise, start, lr=0.1), steps("momentum", noise, start, lr=0.01))


def test_momentum_without_memory_is_gradient_descent(noise, start):
    expected = steps("gradient_descent", noise, start, lr=0.1)
    for name in ("momentum", "polyak_momentum", "damped_momentum", "nesterov_torch", "sgd_torch"):
        same(steps(name, noise, start, lr=0.1, beta=0), expected)


def test_lookahead_nesterov_is_the_reformulated_one_seen_from_ahead():
    lr, beta = 0.008, 0.9
    ahead = run("nesterov", surfaces.ravine, (1, 0.5), 60, lr=lr, beta=beta)
    shifted = run("nesterov_torch", surfaces.ravine, (1, 0.5), 60, lr=lr, beta=beta)
    # With y = theta - lr beta u and lr u = -(theta_t - theta_{t-1}), u_0 = 0:
    theta = ahead.theta
    points = theta.copy()
    points[1:] += beta * (theta[1:] - theta[:-1])
    same(points, shifted.theta, rtol=1e-10)
    assert np.abs(theta - shifted.theta).max() > 1e-2


def test_nesterov_of_keras_is_that_of_torch_while_the_rate_is_constant(noise, start):
    same(steps("nesterov_keras", noise, start), steps("nesterov_torch", noise, start))


def test_first_gradient_is_not_damped_in_torch(noise, start):
    path = steps("sgd_torch", noise, start, lr=0.1, beta=0.9, damping=0.9)
    average = steps("damped_momentum", noise, start, lr=0.1, beta=0.9)
    same(path[1], start - 0.1 * noise[0])
    same(average[1], start - 0.01 * noise[0])
    # The surplus of the first gradient fades by beta a step: it is 0.9 g_1 * 0.9^(t-1).
    gap = path - average
    same(gap[2] - gap[1], -0.1 * 0.9 * 0.9 * noise[0], rtol=1e-9)


def test_adamw_and_sgdw_without_decay(noise, start):
    same(steps("adamw", noise, start, weight_decay=0), steps("adam", noise, start))
    same(steps("sgdw", noise, start, weight_decay=0), steps("momentum", noise, start))


def test_decoupled_decay_is_l2_without_momentum_only(noise, start):
    decoupled = steps("sgdw", noise, start, lr=0.1, beta=0, weight_decay=0.3)
    same(decoupled, steps("gradient_descent", noise, start, lr=0.1, l2=0.3))
    decoupled = steps("sgdw", noise, start, lr=0.1, beta=0.9, weight_decay=0.3)
    coupled = steps("momentum", noise, start, lr=0.1, beta=0.9, l2=0.3)
    assert np.abs(decoupled - coupled).max() > 0.1


def test_decay_of_the_paper_is_the_base_rate_times_torchs(noise, start):
    alpha, torch_decay = 0.01, 0.3
    eta = schedules.cosine(lr=1.0, steps=40)
    paper = steps(
        "adamw_paper", noise, start, lr=alpha, weight_decay=alpha * torch_decay, multiplier=eta
    )
    rate = schedules.cosine(lr=alpha, steps=40)
    same(paper, steps("adamw", noise, start, lr=rate, weight_decay=torch_decay))
    paper = steps("sgdw_paper", noise, start, lr=alpha, weight_decay=alpha * torch_decay)
    same(paper, steps("sgdw", noise, start, lr=alpha, weight_decay=torch_decay))


def test_rmsprop_is_adam_without_momentum_once_the_start_is_forgotten(noise, start):
    rate = 0.01
    corrected = steps("adam", noise, start, lr=rate, beta1=0, beta2=0.9, eps=0)
    matched = steps(
        "rmsprop", noise, start, lr=lambda t: rate * math.sqrt(1 - 0.9**t), beta=0.9, eps=0
    )
    same(corrected, matched)
    plain = steps("rmsprop", noise, start, lr=rate, beta=0.9, eps=0)
    ratio = np.diff(plain, axis=0) / np.diff(corrected, axis=0)
    same(ratio[0], 10**0.5, rtol=1e-9)  # 1 / sqrt(1 - 0.9)
    assert np.abs(ratio[-1] - 1).max() < 0.01


def test_corners_of_torchs_rmsprop(noise, start):
    same(steps("rmsprop_torch", noise, start), steps("rmsprop", noise, start))
    centered = steps("rmsprop_torch", noise, start, centered=1)
    same(centered, steps("rmsprop_centered", noise, start))
    heavy = steps("rmsprop_torch", noise, start, beta1=0.9)
    same(heavy, steps("rmsprop_momentum", noise, start))


def test_centered_rmsprop_survives_a_constant_gradient(start):
    # v - m^2 is zero here but for rounding, and negative at some steps: torch gives nan.
    for name in ("rmsprop_centered", "rmsprop_torch", "rmsprop_optax"):
        extra = {} if name == "rmsprop_centered" else {"centered": 1}
        path = steps(name, [np.full(5, 0.1)] * 4000, start, lr=1e-9, **extra)
        assert np.isfinite(path).all()


def test_eps_of_keras_is_eps_of_adam_over_the_root_of_the_correction(noise, start):
    ours = steps("adam", noise, start, eps=lambda t: 1e-3 / math.sqrt(1 - 0.999**t))
    same(ours, steps("adam_keras", noise, start, eps=1e-3))
    same(
        steps("adamw_keras", noise, start, weight_decay=0.5, lr=0.1)[1],
        steps("adam_keras", noise, start * (1 - 0.05), lr=0.1)[1],
    )


def test_amsgrads_agree_with_adam_while_the_second_moment_grows(start):
    growing = [np.full(5, 1.5**k) for k in range(30)]
    adam = steps("adam", growing, start, beta2=0.9)
    same(steps("amsgrad_torch", growing, start, beta2=0.9), adam)
    same(steps("amsgrad_optax", growing, start, beta2=0.9), adam)
    keras = steps("adam_keras", growing, start, beta2=0.9)
    same(steps("amsgrad_keras", growing, start, beta2=0.9), keras)


def test_amsgrads_memory_is_long_and_differs_by_library(start):
    spike = [np.full(5, 100.0)] + [np.ones(5)] * 30
    last = {n: -np.diff(steps(n, spike, start, lr=1.0), axis=0)[-1, 0] for n in
            ("adam", "amsgrad", "amsgrad_torch", "amsgrad_optax")}  # fmt: skip
    assert last["amsgrad_optax"] < last["amsgrad_torch"] <= last["adam"]
    assert last["amsgrad_optax"] < 0.2 * last["adam"]


def test_keras_nadam_is_nadam_with_a_fast_warmup(noise, start):
    ours = steps("nadam", noise, start, momentum_decay=1, eps=1e-7, lr=1e-3)
    same(steps("nadam_keras", noise, start), ours)


def test_radam_takes_five_plain_steps_and_ends_as_adam(start):
    ones = [np.full(5, 100.0)] * 9
    moved = -np.diff(steps("radam", ones, start, lr=1.0), axis=0)[:, 0]
    assert moved[:5] == pytest.approx([100] * 5)
    assert 0 < moved[5] < 0.1
    theta, state = rules.get("radam").step(0.0, 1.0, (1.0, 1.0), 100_000, rules.get("radam").hyper)
    adam, _ = rules.get("adam").step(0.0, 1.0, (1.0, 1.0), 100_000, rules.get("adam").hyper)
    assert theta == pytest.approx(adam, rel=1e-6)


def test_radam_survives_any_beta2(start):
    for beta2 in (0.0, 0.3, 0.5, 0.6, 2 / 3, 0.61, 0.7, 0.9, 0.99):
        path = steps("radam", [np.ones(5)] * 30, start, beta2=beta2)
        assert np.isfinite(path).all()


def test_lars_is_algorithm_1_with_the_rate_inside_the_velocity(noise, start):
    w, v = start.copy(), np.zeros(5)
    rate = schedules.step(lr=1.0, every=7)
    for t, g in enumerate(noise, start=1):
        local = 0.01 * np.linalg.norm(w) / (np.linalg.norm(g) + 0.2 * np.linalg.norm(w))
        v = 0.9 * v + rate(t) * local * (g + 0.2 * w)
        w = w - v
    path = steps("lars", noise, start, lr=rate, trust=0.01, weight_decay=0.2)
    same(path[-1], w)


def test_lars_conventions_at_zero_norms():
    zero, g = np.zeros(4), np.full(4, 0.5)
    first = {
        n: -steps(n, [g], zero, lr=1.0, weight_decay=0.1)[1][0] for n in rules.ALL if "lars" in n
    }
    assert first.pop("lars") == pytest.approx(0.5e-3)  # trust stays
    assert first == pytest.approx(dict.fromkeys(first, 0.5))  # 1 in place of trust


def test_lamb_without_decay_and_eps_needs_no_corrections(noise, start):
    lamb = steps("lamb", noise, start, eps=0, weight_decay=0)
    raw = steps(
        "lamb_pytorch_optimizer", noise, start, lr=lambda t: 1e-3 * (1 - 0.9**t), eps=0, clip=1e9
    )
    same(lamb, raw)
    clipped = steps("lamb_pytorch_optimizer", noise, start, eps=0, clip=0.1)
    assert np.abs(clipped - raw).max() > 1e-3


def test_lamb_conventions_without_decay(noise, start):
    lamb = steps("lamb", noise, start, eps=1e-7, weight_decay=0)
    same(lamb, steps("lamb_keras", noise, start))
    same(lamb, steps("lamb_optax", noise, start, eps=1e-7))
    adam = steps("adam", noise, start, eps=1e-6)
    same(adam, steps("lamb_timm", noise, start, weight_decay=0))


# ----------------------------------------------------------------------------- invariances

SCALE_FREE = {  # with eps = 0 the step does not see the size of the gradient
    "adam": {}, "amsgrad": {}, "adamax": {}, "nadam": {}, "adamw": {}, "rmsprop": {},
    "rmsprop_centered": {}, "rmsprop_momentum": {}, "adagrad": {}, "lamb": {}, "adam_keras": {},
    "amsgrad_torch": {}, "nadam_optax": {}, "rmsprop_optax": {},
}  # fmt: skip


@pytest.mark.parametrize("name", SCALE_FREE)
def test_steps_do_not_see_the_scale_of_the_gradient_at_eps_0(name, noise, start):
    noise = noise[np.r_[0, 1:40]]
    # A single gradient has no deviation: the centered form starts from two different ones.
    expected = steps(name, noise, start, eps=0)
    same(steps(name, 1e6 * noise, start, eps=0), expected, rtol=1e-9)
    with_eps = steps(name, 1e-6 * noise, start, eps=1e-3)
    assert np.abs(with_eps - expected).max() > 1e-4


@pytest.mark.parametrize("name", ["lion", "lars"])
def test_signs_and_lars_do_not_see_the_scale_of_the_gradient(name, noise, start):
    same(steps(name, 1e6 * noise, start), steps(name, noise, start))
    decayed = steps(name, 1e6 * noise, start, weight_decay=0.5)
    if name == "lars":  # with decay the quotient does see it
        assert np.abs(decayed - steps(name, noise, start, weight_decay=0.5)).max() > 1e-4


ROTATING = ["gradient_descent", "momentum", "polyak_momentum", "damped_momentum", "nesterov",
            "nesterov_torch", "sgdw", "lars", "lars_timm", "lars_optax"]  # fmt: skip


@pytest.mark.parametrize("name", ROTATING)
def test_turning_the_space_turns_the_path(name, noise, start):
    turn, _ = np.linalg.qr(np.random.default_rng(9).standard_normal((5, 5)))
    path = steps(name, noise, start, lr=0.1)
    same(steps(name, noise @ turn, start @ turn, lr=0.1), path @ turn, rtol=1e-9)


@pytest.mark.parametrize("name", ["adam", "adagrad", "rmsprop", "lion", "lamb"])
def test_coordinatewise_rules_are_not_invariant_to_rotation(name, noise, start):
    turn, _ = np.linalg.qr(np.random.default_rng(9).standard_normal((5, 5)))
    path = steps(name, noise, start, lr=0.1)
    assert np.abs(steps(name, noise @ turn, start @ turn, lr=0.1) - path @ turn).max() > 1e-2


@pytest.mark.parametrize("name, decay", [("lamb", 0), ("lamb", 0.3), ("lamb_timm", 0.3)])
def test_lambs_relative_step_is_the_rate(name, decay, noise, start):
    path = steps(name, noise, start, lr=0.02, weight_decay=decay)
    relative = np.linalg.norm(np.diff(path, axis=0), axis=1) / np.linalg.norm(path[:-1], axis=1)
    same(relative, 0.02)


def test_lars_first_step_is_a_share_of_the_norm(noise, start):
    path = steps("lars", 1e9 * noise, start, lr=2.0, trust=0.01)
    same(np.linalg.norm(path[1] - start), 0.02 * np.linalg.norm(start))


def test_lion_moves_every_coordinate_by_the_rate(noise, start):
    same(np.abs(np.diff(steps("lion", noise, start, lr=0.01), axis=0)), 0.01, rtol=1e-9)


def test_first_steps_in_units_of_the_rate(start):
    g = np.array([1e-3, 1.0, 50.0, -2.0, 7.0])
    first = {"adam": 1, "adamw": 1, "adamax": 1, "adagrad": 1, "nadam": None, "rmsprop": 10}
    for name, size in first.items():
        extra = {"weight_decay": 0} if name == "adamw" else {}
        path = steps(name, [g], 0 * start, lr=0.01, eps=0, **extra)
        moved = np.abs(path[1]) / 0.01
        same(moved, moved[0], rtol=1e-9)  # the same for every coordinate
        if size:
            same(moved, size, rtol=1e-9)


def test_muons_step_has_singular_values_near_the_rate():
    rng = np.random.default_rng(2)
    for shape in ((4, 4), (3, 7), (7, 3)):
        g = 1e5 * rng.standard_normal(shape)
        step = -rules.get("muon")(np.zeros(shape), g, t=1, lr=1.0)[0]
        values = np.linalg.svd(step, compute_uv=False)
        assert values.min() > 0.6 and values.max() < 1.25
        u, _, vt = np.linalg.svd(g, full_matrices=False)
        assert np.abs(step - u @ vt).max() < 0.4


# ------------------------------------------------------------------------------- surfaces

# A rate for the ravine, curvatures (1, 100), that suits each rule; the schedule takes it to zero.
_SLOW, _SIGN = 0.015, 0.05
RATES = {
    "gradient_descent": _SLOW, "momentum": 0.01, "polyak_momentum": 0.01, "damped_momentum": 0.05,
    "nesterov": 0.008, "nesterov_torch": 0.008, "nesterov_keras": 0.008, "sgdw": 0.01,
    "sgdw_paper": 0.01, "sgd_torch": _SLOW,
    "adagrad": 1.0, "adagrad_optax": 1.0, "adagrad_keras": 1.0,
    "adadelta": 60.0, "radam": _SLOW, "radam_optax": _SLOW, "lars": 60.0, "lars_optax": 60.0,
    "lars_timm": 60.0, "lars_pytorch_optimizer": 60.0,
}  # fmt: skip
EXTRA = {"lars_timm": {"weight_decay": 1e-9}, "adadelta": {"eps": 1e-4}}


@every_plain
@pytest.mark.parametrize("name", ["bowl", "ravine", "booth"])
def test_goes_down_to_the_minimum_of_convex_surfaces(rule, name):
    surface = surfaces.get(name)
    rate = RATES.get(rule.name, _SIGN) * (3 if name == "booth" else 1)  # farther, and less steep
    hyper = dict(EXTRA.get(rule.name, {}))
    if "weight_decay" in rule.hyper:
        hyper.setdefault("weight_decay", 0)
    path = run(rule, surface, surface.start, 800, lr=schedules.cosine(lr=rate, steps=800), **hyper)
    assert path.diverged is None
    assert path.loss.min() < 5e-2 * path.loss[0], f"{path.loss[0]:.3g} -> {path.loss.min():.3g}"


@pytest.mark.parametrize("name", rules.MATRIX_ONLY)
def test_matrix_rules_solve_a_matrix_problem(name):
    rng = np.random.default_rng(1)
    target, a = rng.standard_normal((4, 3)), rng.standard_normal((6, 4))
    hyper = {"lr": schedules.cosine(lr=0.1, steps=300), "weight_decay": 0}
    path = run(
        name,
        lambda w: a.T @ (a @ (w - target)),
        np.zeros((4, 3)),
        300,
        loss=lambda w: ((a @ (w - target)) ** 2).sum() / 2,
        **hyper,
    )
    assert path.loss[-1] < 1e-2 * path.loss[0]


# -------------------------------------------------------------------------- other readers


@every_plain
def test_a_grid_equals_single_runs(rule):
    lrs = np.array([[0.001], [0.003]])
    second = next((k for k in rule.hyper if k != "lr" and k in RANGES), None)
    values = {"centered": [0.0, 1.0, 1.0], "eps": [1e-3, 1e-2, 1e-1], "beta": [0.1, 0.5, 0.9]}
    hyper = {"lr": lrs}
    if second:
        hyper[second] = np.array(values.get(second, [0.1, 0.5, 0.9]))
    if "weight_decay" in rule.hyper:
        hyper["weight_decay"] = np.array([[0.2], [0.0]])
    if "centered" in rule.hyper:
        hyper["centered"] = np.array([0, 1, 0])
    surface = surfaces.booth
    grid = sweep(rule, surface, surface.start, 25, goal=100.0, **hyper)
    assert grid.finite.all()
    for cell in np.ndindex(grid.finite.shape):
        one = {k: np.broadcast_to(v, grid.finite.shape)[cell].item() for k, v in hyper.items()}
        single = run(rule, surface, surface.start, 25, **one)
        np.testing.assert_allclose(
            grid.theta[(slice(None), *cell)], single.theta[-1], rtol=1e-10, atol=1e-12
        )
        same(grid.best[cell], single.loss.min(), rtol=1e-9)


@pytest.mark.parametrize("name", rules.MATRIX_ONLY)
def test_matrix_rules_refuse_vectors_sweeps_and_javascript(name):
    rule = rules.get(name)
    opt = Optimizer(rule, np.ones(3))
    with pytest.raises(ValueError, match=r"needs a matrix \(2 axes\), got shape \(3,\)"):
        opt.step(np.ones(3), np.ones(3))
    assert opt.t == 0
    for start in (np.ones((2, 2)), np.ones(2)):
        with pytest.raises(ValueError, match="not in a sweep"):
            sweep(rule, lambda x: x, start, 2, lr=np.array([0.1, 0.2]))
    with pytest.raises(syntax.UnknownSyntax, match="has no JavaScript"):
        syntax.javascript(rule, n=2)
    assert r"\operatorname{orth}" in syntax.latex(rule)


def library_path(rule, gradients, theta, make):
    opt = Optimizer(rule, make(theta))
    x = make(theta)
    for g in gradients:
        x = opt.step(x, make(g), at_point=rule.at is not None)
    return np.asarray(x)


@every_any
def test_torch_tensors_give_numpys_numbers(rule):
    import torch

    shape = shape_for(rule)
    rng = np.random.default_rng(8)
    start, gradients = rng.standard_normal(shape), rng.standard_normal((12, *shape))
    expected = library_path(rule, gradients, start, np.array)
    same(library_path(rule, gradients, start, torch.tensor), expected)
    single = library_path(rule, gradients, start, lambda x: torch.tensor(x, dtype=torch.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=2e-3, atol=2e-4)


@every_any
def test_jax_arrays_give_numpys_numbers(rule):
    import jax
    import jax.numpy as jnp

    shape = shape_for(rule)
    rng = np.random.default_rng(8)
    start, gradients = rng.standard_normal(shape), rng.standard_normal((3, *shape))
    with jax.enable_x64(True):
        same(
            library_path(rule, gradients, start, jnp.array),
            library_path(rule, gradients, start, np.array),
        )


@every_any
def test_float32_stays_float32_in_parameters_and_state(rule):
    theta = np.ones(shape_for(rule), dtype=np.float32)
    opt = Optimizer(rule, theta)
    for _ in range(3):
        theta = opt.step(theta, 0.5 * theta, at_point=rule.at is not None)
    assert theta.dtype == np.float32
    assert all(s.dtype == np.float32 for s in opt.state[None])


def node(script):
    done = subprocess.run(
        [shutil.which("node"), "-"],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


NODE = """
const out = {};
for (const [key, job] of Object.entries(jobs)) {
  const {rule, h, start, g} = job;
  const s = new Float64Array(start), ahead = new Float64Array(g[0].length);
  out[key] = [];
  g.forEach((x, k) => {
    if (rule.at) rule.at(s, k + job.t, h, ahead);
    rule.step(s, new Float64Array(x), k + job.t, h);
    out[key].push([Array.from(s), Array.from(ahead)]);
  });
}
console.log(JSON.stringify(out));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_javascript_gives_numpys_numbers(n):
    """One step from a random state, and a run of 30, for every rule and twice the settings."""
    rng = np.random.default_rng(n)
    jobs, expected = [], {}
    for rule in PLAIN:
        variants = {"": {}}
        if "weight_decay" in rule.hyper:
            variants["decay"] = {"weight_decay": 0.3}
        if "centered" in rule.hyper:
            variants["centered"] = {"centered": 1}
        for label, extra in variants.items():
            h = {**rule.hyper, **extra}
            for kind, first, count in (("step", 7, 1), ("run", 1, 30)):
                g = rng.standard_normal((count, n))
                theta = rng.standard_normal(n)
                if kind == "step":
                    state = tuple(0.1 + rng.random(n) for _ in rule.state)
                    if "centered" in rule.hyper or rule.name == "rmsprop_centered":
                        state = (1.5 + state[0], *state[1:])  # v above m^2
                    if rule.name.startswith("nadam"):
                        state = (*state[:-1], 0.3 + 0 * theta) if len(state) == 3 else state
                else:
                    state = rule.init(theta)
                key = f"{rule.name} {label} {kind}"
                flat = np.concatenate([theta, *state]).tolist()
                jobs.append(
                    f"{json.dumps(key)}: {{rule: {syntax.javascript(rule, n)}, "
                    f"h: {json.dumps(h)}, t: {first}, start: {flat}, g: {g.tolist()}}}"
                )
                rows = []
                for k, x in enumerate(g):
                    t = first + k
                    ahead = rule.point(theta, state, t, h) if rule.at else 0 * theta
                    theta, state = rule.step(theta, x, state, t, h)
                    rows.append((np.concatenate([theta, *state]), ahead))
                expected[key] = rows
    out = node(f"{syntax.PRELUDE}\nconst jobs = {{{', '.join(jobs)}}};\n{NODE}")
    assert out.keys() == expected.keys()
    for key, rows in expected.items():
        for (state, ahead), (js_state, js_ahead) in zip(rows, out[key], strict=True):
            np.testing.assert_allclose(js_state, state, rtol=3e-14, atol=1e-15, err_msg=key)
            np.testing.assert_allclose(js_ahead, ahead, rtol=3e-14, atol=1e-15, err_msg=key)


@every_any
def test_latex_names_the_state_and_every_hyperparameter(rule):
    text = syntax.latex(rule)
    assert text.count("{") == text.count("}")
    for name in (*rule.state, *rule.hyper):
        assert syntax.latex_name(name) in text, name


@every_any
def test_pickles_and_copies_by_name(rule):
    assert pickle.loads(pickle.dumps(rule)) is rule
    assert copy.deepcopy(rule) is rule


# -------------------------------------------------------------------------- random settings

_VALUES = {
    "lr": st.floats(0, 0.5), "beta": st.floats(0, 0.99), "beta1": st.floats(0, 0.99),
    "beta2": st.floats(0, 0.9999), "rho": st.floats(0, 0.99), "eps": st.floats(1e-8, 1),
    "damping": st.floats(0, 1), "weight_decay": st.floats(0, 1), "lr_decay": st.floats(0, 1),
    "momentum_decay": st.floats(0, 1), "initial_accumulator": st.floats(0, 1),
    "trust": st.floats(1e-4, 1), "clip": st.floats(0.1, 10), "centered": st.integers(0, 1),
    "threshold": st.floats(4, 6), "multiplier": st.floats(0, 1),
}  # fmt: skip


def test_random_values_are_known_for_every_hyperparameter():
    assert {name for rule in ALL for name in rule.hyper} == set(_VALUES) <= set(RANGES)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_shape_and_settings(data):
    """Steps stay finite, keep shape and type, change no argument, and see each layer alone."""
    rule = data.draw(st.sampled_from(ALL), label="rule")
    hyper = {k: data.draw(_VALUES[k], label=k) for k in rule.hyper}
    dimensions = 2 if rule.name in rules.MATRIX_ONLY else data.draw(st.integers(0, 3))
    shape = tuple(data.draw(st.integers(1, 4)) for _ in range(dimensions))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    scale = 10.0 ** data.draw(st.integers(-12, 12))
    layers = {"a": rng.standard_normal(shape), "b": rng.standard_normal((2, 3))}
    opt = Optimizer(rule, layers, **hyper)
    alone = Optimizer(rule, layers["a"], **hyper)
    theta, single = layers, layers["a"]
    for _ in range(4):
        g = {k: scale * rng.standard_normal(x.shape) for k, x in theta.items()}
        kept = copy.deepcopy((theta, g))
        new = opt.step(theta, g, at_point=rule.at is not None)
        single = alone.step(single, g["a"], at_point=rule.at is not None)
        for k, x in new.items():
            assert x.shape == theta[k].shape and x.dtype == float and np.isfinite(x).all()
            assert (theta[k] == kept[0][k]).all() and (g[k] == kept[1][k]).all()
            for array in opt.state[k]:
                assert not np.shares_memory(array, g[k])
        assert (new["a"] == single).all()
        theta = new


# ------------------------------------------------------------------------------ bad inputs


# The nearest values that are refused; nan and inf are, everywhere.
_SHARE, _SIZE = (-1e-12, 1.0, 1.5), (-1e-12,)
OUTSIDE = {
    "lr": _SIZE, "beta": _SHARE, "beta1": _SHARE, "beta2": _SHARE, "rho": _SHARE, "eps": _SIZE,
    "damping": (-1e-12, 1.0 + 1e-12), "weight_decay": _SIZE, "lr_decay": _SIZE,
    "momentum_decay": _SIZE, "initial_accumulator": _SIZE, "trust": (-1e-12, 0.0),
    "clip": (-1e-12, 0.0), "centered": (-1, 2), "threshold": _SIZE, "multiplier": _SIZE,
}  # fmt: skip


def numeric_ranges():
    """(rule, hyperparameter, a value outside its range) for every one of every rule."""
    for rule in ALL:
        for name in rule.hyper:
            for value in (*OUTSIDE[name], math.nan, math.inf):
                yield rule, name, value


def test_every_hyperparameter_outside_its_range_raises_and_says_so():
    for rule, name, value in numeric_ranges():
        message = rf"{name} must be a number in .*, got {re.escape(str(value))}"
        shape = shape_for(rule)
        for make in (
            lambda: Optimizer(rule, np.ones(shape), **{name: value}),  # noqa: B023
            lambda: run(rule, lambda x: x, np.ones(shape), 1, **{name: value}),  # noqa: B023
            lambda: sweep(rule, lambda x: x, np.ones(shape), 1, **{name: np.array([value])}),  # noqa: B023
        ):
            with pytest.raises(ValueError, match=message):
                make()


@every_any
@pytest.mark.parametrize("value", ["0.1", None, 1j, {}, b"1"])
def test_hyperparameters_that_are_no_numbers_raise(rule, value):
    for make in (
        lambda: Optimizer(rule, np.ones(shape_for(rule)), lr=value),
        lambda: run(rule, lambda x: x, np.ones(shape_for(rule)), 1, lr=value),
    ):
        with pytest.raises(TypeError, match="lr must be a number or a schedule"):
            make()


@every_any
def test_unknown_hyperparameter_names_its_neighbour(rule):
    with pytest.raises(TypeError, match="no hyperparameter 'lr_'.*Did you mean lr"):
        Optimizer(rule, np.ones(shape_for(rule)), lr_=0.1)


def untouched(opt, params, grads, error, message):
    """step raises and leaves the optimizer as it was."""
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(error, match=message):
        opt.step(params, grads, at_point=opt.rule.at is not None)
    after = opt.state_dict()
    assert after["t"] == before["t"]
    for layer, state in before["state"].items():
        for a, b in zip(state, after["state"][layer], strict=True):
            assert np.array_equal(a, b)


@every_any
def test_a_bad_gradient_raises_and_leaves_the_state_untouched(rule):
    shape = shape_for(rule)
    params = {"w": np.ones(shape), "b": np.ones((2, 2))}
    opt = Optimizer(rule, params)
    good = {k: 0.5 * x for k, x in params.items()}
    params = opt.step(params, good, at_point=rule.at is not None)
    for value in (math.nan, math.inf, -math.inf):
        bad = np.ones((2, 2))
        bad[1, 1] = value
        untouched(opt, params, {**good, "b": bad}, ValueError, "layer 'b' holds nan or inf")
        untouched(opt, {**params, "b": bad}, good, ValueError, "params hold nan or inf")
    untouched(opt, params, {**good, "w": np.ones(7)}, ValueError, r"shape \(7,\)")
    untouched(opt, params, {"w": good["w"]}, ValueError, r"missing \['b'\]")
    untouched(opt, params, {**good, "c": good["w"]}, ValueError, r"unknown \['c'\]")
    untouched(opt, params, {**good, "w": "text"}, TypeError, "must be an array of real numbers")


@every_any
def test_eps_zero_never_gives_nan(rule):
    if "eps" not in rule.hyper:
        return
    shape = shape_for(rule)
    theta, zero = np.ones(shape), np.zeros(shape)
    opt = Optimizer(rule, theta, eps=0)
    try:
        new = opt.step(theta, zero)
    except ValueError as error:
        assert "eps must be positive" in str(error)
        assert opt.t == 0
        for s, first in zip(opt.state[None], rule.state.values(), strict=True):
            assert (s == first).all()
        with pytest.raises(ValueError, match="eps must be positive"):
            run(rule, lambda x: 0 * x, theta, 3, eps=0)
    else:
        assert np.isfinite(new).all()


@every_any
@pytest.mark.parametrize("size", [1e100, 1e160, 1e300])
def test_enormous_gradients_never_give_nan(rule, size):
    theta = np.ones(shape_for(rule))
    opt = Optimizer(rule, theta)
    for sign in (1, -1):
        try:
            new = opt.step(theta, sign * size * np.ones_like(theta), at_point=rule.at is not None)
        except FloatingPointError as error:
            assert "nothing was changed" in str(error)
        else:
            assert np.isfinite(new).all()
            theta = new


@every_any
def test_starts_and_parameters_of_all_kinds(rule):
    whole = np.arange(1, 7).reshape(3, 2)
    new = Optimizer(rule, whole, lr=0.001).step(whole, whole, at_point=rule.at is not None)
    assert new.dtype == float and (new != whole).any()
    for bad in (np.array([[1.0, math.nan]]), np.array([[1.0, math.inf]])):
        with pytest.raises(ValueError, match="start must be finite"):
            run(rule, lambda x: x, bad, 2)
        if rule.name not in rules.MATRIX_ONLY:
            with pytest.raises(ValueError, match="start must be finite"):
                sweep(rule, lambda x: x, bad, 2, lr=np.array([0.1]))
    with pytest.raises(TypeError, match="list of numbers"):
        Optimizer(rule, [1.0, 2.0])
    for empty in ({}, []):
        with pytest.raises(ValueError, match="at least one layer"):
            Optimizer(rule, empty)


def test_unknown_rule_names_its_neighbours():
    with pytest.raises(ValueError, match="no rule named 'adamm'.*Did you mean.*adam"):
        Optimizer("adamm", np.ones(2))


@pytest.mark.parametrize("name", [r.name for r in ALL if "weight_decay" in r.hyper])
def test_decay_that_overshoots_warns(name):
    shape = shape_for(rules.get(name))
    with pytest.warns(UserWarning, match="lr \\* weight_decay = 1.2 is above 1"):
        Optimizer(name, np.ones(shape), lr=0.4, weight_decay=3.0)


# -------------------------------------------------------------------------------- the shelf


def test_the_registry_is_complete_and_named_by_the_rule():
    assert list(rules.ALL) == [r.name for r in (*rules.CORE, *rules.CONVENTIONS)]
    for module in pkgutil.iter_modules(rules.__path__):
        found = vars(importlib.import_module(f"optlib.rules.{module.name}"))
        for name, thing in found.items():
            if isinstance(thing, optlib.Rule) and thing.fn.__module__.endswith(module.name):
                assert rules.ALL[name] is thing
    assert all(rules.MATRIX_ONLY.values()) and set(rules.MATRIX_ONLY) <= set(rules.ALL)
    assert {rule for rule, _ in ROSETTA.values()} <= set(rules.ALL)


def test_weight_decay_belongs_to_the_rules_that_decouple_it():
    stems = ("adamw", "sgdw", "lars", "lamb", "lion", "muon")
    for rule in ALL:
        assert ("weight_decay" in rule.hyper) == rule.name.startswith(stems), rule.name


@every_any
def test_every_rule_explains_itself(rule):
    text = rule.__doc__ or ""
    assert ">>>" in text and len(text) > 100
    assert set(rule.hyper) <= set(RANGES)
    if rule in rules.CORE:
        assert "Source:" in text or "Source" in text.replace("\n", " ")
        assert r".. math::" in text or ":math:" in text
        for name in rule.hyper:
            assert name in text, f"{name} is not explained"


def public(module):
    names = getattr(module, "__all__", None) or [
        n for n, x in vars(module).items()
        if not n.startswith("_") and getattr(x, "__module__", None) == module.__name__
    ]  # fmt: skip
    return {n: getattr(module, n) for n in names}


MODULES = ["rules", "schedules", "rule", "ops", "syntax", "surfaces", "rules.conventions"]


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module(f"optlib.{name}")
    assert module.__doc__
    for label, thing in public(module).items():
        if isinstance(thing, (optlib.Rule, schedules.Schedule)) or inspect.isroutine(thing):
            assert (thing.__doc__ or "").strip(), f"{name}.{label}"
        elif inspect.isclass(thing):
            assert (thing.__doc__ or "").strip(), f"{name}.{label}"
            for method, fn in vars(thing).items():
                if not method.startswith("_") and callable(fn):
                    assert (fn.__doc__ or "").strip(), f"{name}.{label}.{method}"


RULE_MODULES = [f"rules.{m.name}" for m in pkgutil.iter_modules(rules.__path__)]


@pytest.mark.parametrize("name", [*RULE_MODULES, "schedules", "rule", "ops", "syntax", "surfaces"])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(f"optlib.{name}")
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for label, thing in vars(module).items():
        inner = getattr(thing, "fn", thing)
        if getattr(inner, "__module__", None) == module.__name__ and callable(inner):
            for test in finder.find(inner, label, module=False, globs={**vars(module)}):
                runner.run(test)
    assert runner.failures == 0
    assert runner.tries > 0 or name in ("ops", "surfaces", "rules.compared")
