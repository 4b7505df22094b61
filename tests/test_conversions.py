"""Conversions between libraries: what exists follows the same path, what does not differs.

Both sides of every pair are run on the same random gradients, in closed loop. The calls of torch
and optax that the table writes are run as well, as text.
"""

import itertools
import json

import numpy as np
import oracles
import pytest
from scipy.optimize import minimize

from optlib import Optimizer, conversions, rules
from optlib.conversions import (
    DIALECTS,
    FAMILIES,
    convert,
    copied,
    get,
    into,
    number,
    path,
    write_call,
)
from optlib.rules.conventions import ROSETTA

STEPS = 24
EQUAL, DIFFERENT = 1e-9, 1e-7
DROP = np.where(np.arange(STEPS) < STEPS // 2, 1.0, 0.1)

# Settings beside the defaults, for every argument that a dialect has.
CORNERS = (
    {},
    {"eps": 0, "beta": 0.5, "beta1": 0.5, "rho": 0.5, "lr": 0.02},
    {"l2": 0.1, "weight_decay": 0.2, "eps": 1e-3, "damping": 0.5, "centered": 1, "clip_norm": 0.5},
    {"l2": 0.1, "weight_decay": 0.2, "eps": 1e-3, "beta": 0, "damping": 0.5, "beta1": 0},
    {"weight_decay": 0, "clip_norm": 0, "beta1": 0.8, "beta2": 0.95, "momentum_decay": 1},
    {
        "weight_decay": 0,
        "clip_norm": 0,
        "eps": 0,
        "momentum_decay": 0.1,
        "initial_accumulator": 0.5,
    },
    {"eps": 1e-3, "initial_accumulator": 0, "beta1": 0.5, "centered": 1, "momentum_decay": 2000},
)


def fitting(dialect, settings):
    return {k: v for k, v in settings.items() if k in dialect.arguments}


def gradients(size, seed=0):
    """Start, slope and noise of a run whose gradients are of this size."""
    rng = np.random.default_rng(seed)
    return np.array([1.0, -0.7]), size * np.array([1.0, 0.3]), size * rng.normal(size=(STEPS, 2))


def apart(one, two):
    """The largest distance of two paths over the distance travelled."""
    with np.errstate(all="ignore"):
        travelled = np.nanmax(np.abs(one[1:] - one[0]))
        return float(np.nanmax(np.abs(one - two)) / travelled) if travelled > 0 else 0.0


def pairs():
    for family in FAMILIES:
        members = [d for d in DIALECTS.values() if d.family == family]
        yield from itertools.permutations(members, 2)


@pytest.mark.parametrize("changes", [False, True], ids=["constant", "changing"])
@pytest.mark.parametrize("source, target", pairs(), ids=lambda d: d.name)
def test_what_exists_is_the_same_path_and_what_does_not_differs(source, target, changes):
    rates = DROP if changes else None
    for corner in CORNERS:
        settings = fitting(source, corner)
        found = convert(source, target, settings, changes=changes)
        sizes = (1e-6, 1.0)
        mine = {s: path(source, settings, *gradients(s), rates) for s in sizes}
        if found.values is not None:
            worst = max(
                apart(mine[s], path(target, found.values, *gradients(s), rates)) for s in sizes
            )
            assert worst < EQUAL, f"{settings}: {found.call} is {worst:.1e} apart"
            assert found.call == write_call(target, found.values) and not found.reasons
        else:
            other = copied(source, target, settings)
            worst = max(apart(mine[s], path(target, other, *gradients(s), rates)) for s in sizes)
            assert worst > DIFFERENT, f"{settings}: equal, but refused: {found.reasons}"
            assert all(reason.endswith(".") for reason in found.reasons)


# Pairs said to have no conversion, and what the other side may choose instead.
HOPELESS = (
    ("torch.optim.Adam", "keras.optimizers.Adam", {"eps": 0.1}, ("lr", "eps"), False),
    ("keras.optimizers.Adam", "optax.adam", {"eps": 0.1}, ("lr", "eps"), False),
    ("torch.optim.RMSprop", "keras.optimizers.RMSprop", {"eps": 0.1}, ("lr", "eps"), False),
    ("optax.rmsprop", "torch.optim.RMSprop", {"eps": 0.1}, ("lr", "eps"), False),
    ("torch.optim.Adagrad", "optax.adagrad", {"eps": 0.1}, ("lr", "eps"), False),
    ("torch.optim.SGD", "keras.optimizers.SGD", {}, ("lr", "beta"), True),
    ("keras.optimizers.SGD", "optax.sgd", {}, ("lr", "beta"), True),
    ("torch.optim.SGD", "optax.sgd", {"damping": 0.9}, ("lr", "beta"), False),
    ("torch.optim.Adam", "torch.optim.AdamW", {"l2": 0.3}, ("lr", "weight_decay"), False),
    ("optax.lars", "LARS, Algorithm 1", {"weight_decay": 0.5}, ("lr", "weight_decay"), False),
    ("keras.optimizers.Lamb", "optax.lamb", {"weight_decay": 0.5}, ("lr", "weight_decay"), False),
)


@pytest.mark.parametrize("source, target, values, free, changes", HOPELESS)
def test_no_choice_of_the_two_likeliest_settings_comes_near(source, target, values, free, changes):
    rates, target = DROP if changes else None, get(target)
    problems = [gradients(size, seed) for size, seed in ((0.3, 1), (3.0, 2))]
    mine = [path(source, values, *p, rates) for p in problems]
    assert convert(source, target, values, changes=changes).values is None
    first = copied(source, target, values)

    def distance(logs):
        tried = {k: float(np.exp(x)) for k, x in zip(free, logs, strict=True)}
        if tried.get("beta", 0) >= 1:
            return 1e3
        settings = {**first, **tried}
        return max(
            apart(m, path(target, settings, *p, rates)) for m, p in zip(mine, problems, strict=True)
        )

    usual = [np.log(max(first[k], 1e-3)) for k in free]
    best = minimize(distance, usual, method="Nelder-Mead", options={"maxiter": 80})
    assert best.fun > 1e-3, f"{best.x} comes within {best.fun:.1e}"


# ---------------------------------------------------------------- the table against the libraries


def variants():
    for d in DIALECTS.values():
        if d.library in ("torch", "optax"):
            for corner in CORNERS[:6]:
                yield pytest.param(d, fitting(d, corner), id=f"{d.name} {fitting(d, corner)}")


@pytest.mark.parametrize("dialect, settings", variants())
def test_the_call_that_is_written_is_the_rule_that_is_run(dialect, settings):
    values = conversions.settings(dialect, settings)
    start, slope, noise = gradients(1.0)
    ours = path(dialect, values, start, slope, noise)
    theirs = {"torch": _torch, "optax": _optax}[dialect.library](
        write_call(dialect, values), start, slope, noise
    )
    assert apart(ours, theirs) < EQUAL, write_call(dialect, values)


def _torch(call, start, slope, noise):
    import torch

    torch.set_default_dtype(torch.float64)
    try:
        theta = torch.tensor(start, requires_grad=True)
        optimizer = eval(call, {"torch": torch, "params": [theta]})
        places = [start]
        for bump in noise:
            theta.grad = torch.tensor(slope) * theta.detach() + torch.tensor(bump)
            optimizer.step()
            places.append(theta.detach().numpy().copy())
    finally:
        torch.set_default_dtype(torch.float32)
    return np.array(places)


def _optax(call, start, slope, noise):
    import jax
    import optax

    with jax.enable_x64(True):
        transform = eval(call, {"optax": optax})
        theta = jax.numpy.asarray(start)

        def step(carry, bump):
            theta, state = carry
            updates, state = transform.update(slope * theta + bump, state, theta)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), theta

        first = (theta, transform.init(theta))
        places = jax.jit(lambda: jax.lax.scan(step, first, noise)[1])()
        return np.concatenate([[start], np.asarray(places)])


# The library's own defaults, as the rows of ROSETTA have them.
OWN = {
    "keras.optimizers.SGD": "keras.optimizers.SGD(momentum=0.9)",
    "keras.optimizers.SGD, nesterov": "keras.optimizers.SGD(momentum=0.9, nesterov=True)",
    "keras.optimizers.Adam, amsgrad": "keras.optimizers.Adam(amsgrad=True)",
    "timm.optim.SGDW": "timm.optim.SGDW(momentum=0.9)",
    "torch.optim.SGD": "torch.optim.SGD(momentum=0.9)",
    "torch.optim.SGD, nesterov": "torch.optim.SGD(momentum=0.9, nesterov=True)",
    "torch.optim.Adam, amsgrad": "torch.optim.Adam(amsgrad=True)",
}


@pytest.mark.parametrize(
    "dialect",
    [d for d in DIALECTS.values() if d.library not in ("optax", "papers")],
    ids=lambda d: d.name,
)
def test_defaults_are_the_librarys(dialect):
    rule, row = ROSETTA[OWN.get(dialect.name, f"{dialect.name}()")]
    start, slope, noise = gradients(1.0)
    optimizer, theta = Optimizer(rule, start, **row), start
    for bump in noise:
        theta = optimizer.step(theta, slope * theta + bump)
    np.testing.assert_allclose(path(dialect, {}, start, slope, noise)[-1], theta, rtol=1e-12)


@pytest.mark.parametrize(
    "dialect",
    [d for d in DIALECTS.values() if d.library in ("keras", "timm", "pytorch_optimizer")],
    ids=lambda d: d.name,
)
def test_a_call_of_a_recorded_library_can_be_read(dialect):
    text = write_call(dialect, {k: v or 0.5 for k, v in dialect.arguments.items()})
    name, found = oracles.arguments(text.replace("params, ", ""))
    assert name == dialect.name.partition(",")[0]
    values = np.hstack([np.atleast_1d(v) for v in found.values()])
    assert set(v or 0.5 for v in dialect.arguments.values()) <= {
        *values,
        *([1] if True in values else []),
    }


# ------------------------------------------------------------------------------ known numbers


def one(source, target, values=None, **options):
    return convert(source, target, values, **options).values


def test_numbers_that_are_known():
    assert one("torch.optim.AdamW", "AdamW, Algorithm 2")["weight_decay"] == pytest.approx(1e-5)
    back = one("AdamW, Algorithm 2", "torch.optim.AdamW", {"lr": 0.05, "weight_decay": 0.001})
    assert back["weight_decay"] == pytest.approx(0.02)
    assert one("torch.optim.SGD", "optax.ema", {"lr": 0.1})["lr"] == pytest.approx(1)
    summed = one("optax.adagrad", "torch.optim.Adagrad")
    assert (summed["initial_accumulator"], summed["eps"]) == (0.1 + 1e-7, 0)
    assert one("optax.nadam", "torch.optim.NAdam")["momentum_decay"] == 10_000
    plain = one("torch.optim.SGD", "timm.optim.SGDW", {"beta": 0, "l2": 0.1})
    assert plain["weight_decay"] == 0.1


def test_a_schedule_separates_the_two_places_of_the_rate():
    for way in (("torch.optim.SGD", "keras.optimizers.SGD"), ("Polyak 1964", "optax.sgd")):
        assert convert(*way).values is not None and convert(*way).notes
        (reason,) = convert(*way, changes=True).reasons
        assert "no constant settings" in reason
        assert convert(*way, {"beta": 0}, changes=True).values is not None


def test_every_family_and_library_has_its_members():
    assert {d.family for d in DIALECTS.values()} == set(FAMILIES)
    assert {d.library for d in DIALECTS.values()} == set(conversions.LIBRARIES)
    assert [c.target for c in into("torch.optim.AdamW", "optax")] == ["optax.adam", "optax.adamw"]
    assert into("torch.optim.AdamW", "timm") == []


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_expressions_use_what_is_there(dialect):
    assert set(dialect.arguments) <= {*rules.get(dialect.rule).hyper, "l2", "clip_norm"}
    common = {*FAMILIES[dialect.family], "changes"}
    for expression in conversions.reading(dialect).values():
        assert set(conversions.names_in(expression)) <= set(dialect.arguments)
    conditions = [condition for condition, _ in (*dialect.needs, *dialect.notes)]
    for expression in (*conversions.writing(dialect).values(), *conditions):
        assert set(conversions.names_in(expression)) <= common, expression


@pytest.mark.parametrize(
    "value, text",
    [(1e-8, "1e-8"), (0.1, "0.1"), (0.1000001, "0.1000001"), (10000, "10000"), (1e6, "1e6"),
     (2.5e-5, "2.5e-5"), (0, "0"), (1, "1"), (0.001, "0.001"), (1e-4, "0.0001"), (0.3 - 0.1, "0.2"),
     (1 / 3, "0.333333333333"), (12.5, "12.5"), (123456.75, "123456.75")],
)  # fmt: skip
def test_numbers_are_written_as_one_types_them(value, text):
    assert number(value) == text and float(text) == pytest.approx(value, rel=1e-11)
    json.loads(text)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (("torch.optim.Adma", "optax.adam"), ValueError, "no optimizer named 'torch.optim.Adma'"),
        (("torch.optim.Adam", "optax.sgd"), ValueError, "target is 'optax.sgd', a SGD with"),
        (("torch.optim.Adam", "optax.adam", {"wd": 1}), TypeError, "no argument 'wd' here"),
        (("torch.optim.Adam", "optax.adam", {"lr": -1}), ValueError, "lr must be a number"),
        (("AdamW, Algorithm 2", "optax.adamw", {"lr": 0}), ValueError, "lr of AdamW, Algorithm 2"),
    ],
)
def test_a_bad_argument_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        convert(*arguments)


def test_a_library_that_is_unknown_is_named():
    with pytest.raises(ValueError, match="library is 'jax'; allowed: torch, optax"):
        into("torch.optim.Adam", "jax")
