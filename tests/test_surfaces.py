"""Surfaces: minimisers, gradients, windows, and the same numbers in JavaScript."""

import copy
import json
import pickle

import numpy as np
import pytest
from test_syntax import node

from optlib import surfaces

EVERY = [*surfaces.ALL.values(), surfaces.quadratic((2, 30), rotation=25)]
ids = [s.name for s in EVERY]


def points(surface, count=40):
    x0, x1, y0, y1 = surface.window
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(x0, x1, count), rng.uniform(y0, y1, count)])


@pytest.mark.parametrize("surface", EVERY, ids=ids)
def test_gradient_is_the_slope(surface):
    at, h = points(surface), 1e-6
    for axis in (0, 1):
        shift = np.eye(2)[:, [axis]] * h
        slope = (surface(at + shift) - surface(at - shift)) / (2 * h)
        np.testing.assert_allclose(surface.grad(at)[axis], slope, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("surface", EVERY, ids=ids)
def test_minimisers_are_lowest_and_the_gradient_there_is_zero(surface):
    for place in surface.minimisers:
        assert surface(place) == pytest.approx(surface.lowest, abs=1e-12)
        assert np.abs(surface.grad(place)).max() < 1e-12
        x0, x1, y0, y1 = surface.window
        assert x0 <= place[0] <= x1 and y0 <= place[1] <= y1
    if surface.minimisers:
        assert surface(points(surface, 4000)).min() >= surface.lowest - 1e-12


@pytest.mark.parametrize("surface", EVERY, ids=ids)
def test_javascript_gives_the_same_numbers(surface):
    at = np.concatenate([points(surface), np.array(surface.minimisers).reshape(-1, 2).T], axis=1)
    code = (
        f"const s = {surfaces.javascript(surface)}; const out = [0, 0];"
        f"console.log(JSON.stringify({json.dumps(at.T.tolist())}.map(([x, y]) => "
        "[s.grad(x, y, out), s.f(x, y), ...out])))"
    )
    found = np.array(node(code)).T
    scale = 1 + np.abs(surface(at)).max()
    np.testing.assert_allclose(found[0], surface(at), rtol=1e-13, atol=1e-13 * scale)
    np.testing.assert_allclose(found[1], surface(at), rtol=1e-13, atol=1e-13 * scale)
    np.testing.assert_allclose(found[2:], surface.grad(at), rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("surface", EVERY, ids=ids)
def test_surfaces_pickle_and_copy(surface):
    for twin in (pickle.loads(pickle.dumps(surface)), copy.deepcopy(surface)):
        assert twin.name == surface.name
        assert twin(surface.start) == surface(surface.start)


def test_a_rotated_bowl_keeps_its_curvatures():
    bowl = surfaces.quadratic((1, 100), rotation=30)
    hessian = np.stack([bowl.grad(e) for e in np.eye(2)])
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [1, 100], rtol=1e-12)
    assert bowl(bowl.start) == pytest.approx(50.5)


def test_noise_is_seeded_and_has_the_stated_spread():
    grad = surfaces.noisy(surfaces.ravine, 0.5, seed=3)
    draws = np.array([grad(np.array([1.0, 0.0])) for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(0), [1, 0], atol=0.04)
    np.testing.assert_allclose(draws.std(0), 0.5, rtol=0.05)
    np.testing.assert_array_equal(
        draws[0], surfaces.noisy(surfaces.ravine, 0.5, seed=3)(np.array([1.0, 0.0]))
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: surfaces.get("rosenbrok"), "Did you mean rosenbrock"),
        (lambda: surfaces.quadratic((1, -2)), "curvatures must be positive"),
        (lambda: surfaces.quadratic((1, np.inf)), "curvatures must be positive"),
        (lambda: surfaces.noisy(surfaces.ravine, -1, 0), "scale must be"),
        (lambda: surfaces.ravine([1, 2, 3]), r"shape \(2,\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
