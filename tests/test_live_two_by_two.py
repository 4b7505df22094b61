"""The 2×2 map without a browser: arguments, and its numbers against NumPy."""

import json

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import live
from optlib.live.two_by_two import PRESETS

MATRICES = [*PRESETS.values(), (0.5, 0, 0, 0.5), (0, 0, 0, 0), (1, 1, -0.25, 0), (-2, 1, 0.3, 1.1)]


@pytest.mark.parametrize("m", MATRICES, ids=str)
def test_eigenvalues_orbit_and_lengths(m, tmp_path):
    script = f"""
    const {{eigenvalues, follow2}} = figure, m = {json.dumps(m)};
    const {{z, norm, worst}} = follow2(m, [0.5, -1], 25);
    console.log(JSON.stringify([eigenvalues(m), z, norm, worst]));
    """
    values, z, norm, worst = in_node(live.two_by_two().view.module, script, tmp_path)
    matrix = np.array(m, float).reshape(2, 2)
    truth = np.sort_complex(np.linalg.eigvals(matrix))
    found = np.sort_complex([complex(*v) for v in values])
    np.testing.assert_allclose(found, truth, atol=2e-3 if m == PRESETS["repeated"] else 1e-7)
    powers = [np.linalg.matrix_power(matrix, k) for k in range(26)]
    orbit = np.array([p @ [0.5, -1] for p in powers])
    np.testing.assert_allclose(z, orbit, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(norm, np.linalg.norm(orbit, axis=1) / 1.25**0.5, rtol=1e-9)
    largest = [np.linalg.norm(p, 2) for p in powers]
    np.testing.assert_allclose(worst, largest, rtol=1e-7, atol=1e-12)


def test_a_repeated_eigenvalue_makes_the_length_grow_like_k_times_its_power(tmp_path):
    script = """
    const at = (name) => ({a: 0.9, b: 1, c: 0, d: 0.9, start: [0, 1], step: 5})[name];
    const {growth, single, norm, rho, kind} = figure.compute({steps: 200}, at);
    const round = figure.compute({steps: 9}, (n) => ({a: 0.9, b: 0, c: 0, d: 0.9, start: [0, 1]})[n]);
    console.log(JSON.stringify([growth.at(-1), single, norm.at(-1), rho, kind, round.single, round.kind]));
    """  # noqa: E501
    growth, single, norm, rho, kind, plain, same = in_node(
        live.two_by_two().view.module, script, tmp_path
    )
    assert (single, kind, plain, same) == (True, "repeated", False, "repeated")
    assert rho == 0.9 and norm / growth == pytest.approx(1 / 0.9, rel=1e-3)


def test_a_point_of_the_plane_becomes_a_matrix_of_that_trace_and_determinant(tmp_path):
    script = f"""
    const out = {json.dumps(MATRICES)}.flatMap((m) => [[0, 0], [1.3, 0.9], [-2, 1.2]]
      .map(([t, d]) => [m, t, d, figure.moved2(m, t, d)]));
    console.log(JSON.stringify(out));
    """
    for m, trace, det, (a, b, c, d) in in_node(live.two_by_two().view.module, script, tmp_path):
        assert (a + d, a * d - b * c) == pytest.approx((trace, det), abs=1e-12)
        assert a - d == pytest.approx(m[0] - m[3], abs=1e-12) and b == (m[1] or 1)


def test_first_sight_and_controls():
    figure = live.two_by_two()
    assert set(linked(figure)) == {"step", "preset", "a", "b", "c", "d"} == set(figure.controls)
    assert [getattr(figure.view, k) for k in "abcd"] == [0.9, 1.0, 0.0, 0.9]
    own = live.two_by_two(((1, 2), (0, 0.5)), controls=("b",))
    assert own.view.spec["choices"]["preset"][own.view.preset] == "own"
    assert list(own.controls) == ["step", "preset", "b"]
    named = live.two_by_two(preset="complex", d=0.5).view
    assert named.spec["choices"]["preset"][named.preset] == "own" and named.b == -0.4


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.two_by_two(name="a"),
        lambda: live.two_by_two(((1, 2), (0, 0.5)), show=("norm", "orbit"), start=(1, 1), step=3),
        lambda: live.two_by_two(preset="complex", presets=("complex", "real"), controls=()),
    ],
    ids=range(3),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    settings = {k: spec["choices"].get(k, {}) and spec["choices"][k][v] or v
                for k, v in spec["defaults"].items()}  # fmt: skip
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in settings.items())])
    again = eval(f"live.two_by_two({call})", {"live": live})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"matrix": 3}, r"matrix is 3; allowed: \(\(a, b\), \(c, d\)\)"),
        ({"matrix": ((1, 2), (3, "x"))}, "matrix is"),
        ({"matrix": ((1, 2), (3, 4))}, "d is 4.0; this figure allows -3 to 3"),
        ({"a": float("nan")}, "a is nan"),
        ({"preset": "odd"}, "there is no 'odd'; allowed: 'real'"),
        ({"presets": ("odd",)}, "there is no 'odd'"),
        ({"start": (0, 0)}, r"start is \(0, 0\); allowed: two numbers from -2 to 2, not both 0"),
        ({"start": (3, 0)}, r"start is \(3, 0\)"),
        ({"start": "up"}, "start is 'up'"),
        ({"steps": 4}, "steps is 4; allowed: a whole number from 5 to 200"),
        ({"step": 41}, "step is 41"),
        ({"show": "circle"}, "show is.*'circle'.*allowed: some of 'plane'"),
        ({"controls": ("e",)}, "controls holds 'e'"),
        ({"name": "my figure"}, "name is 'my figure'"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.two_by_two(**arguments)


def test_the_still_is_a_small_picture():
    still = live.two_by_two().still()
    assert still[:4] == b"\x89PNG" and len(still) < 30_000
