"""The walk of scale-invariant weights: arguments, JavaScript against NumPy, and the theory."""

import json

import numpy as np
import pytest
from test_live import in_node, linked
from test_live_noise_floor import shown

from optlib import live
from optlib.live.equilibrium import drawn, settled, wander

HYPER = {"lr": 0.02, "weight_decay": 0.3, "beta1": 0.8, "beta2": 0.99}


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.equilibrium()
    links = linked(figure)
    own = {"step", "lr", "weight_decay", "beta1", "pull", "size"}
    assert set(links) == set(figure.controls) == own
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
    assert list(live.equilibrium(controls=("lr",)).controls) == ["step", "lr"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.equilibrium(),
        lambda: live.equilibrium(lr=0.002, beta2=0.9, d=32, steps=300, seed=4, step=20),
        lambda: live.equilibrium(pull="L2", size=50.0, starts=(1, 2), controls=("pull", "size")),
    ],
    ids=range(3),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in shown(figure).items())])
    again = eval(f"live.equilibrium({call})", {"live": live})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"d": 12}, "d is 12; allowed: a multiple of 8 up to 256"),
        ({"d": 0}, "d is 0"),
        ({"steps": 10}, "steps is 10; allowed: a whole number from 50 to 5000"),
        ({"steps": 4000, "d": 64}, "steps is 4000; with 64 weights at most 3125"),
        ({"step": 1001}, "step is 1001"),
        ({"seed": -1}, "seed is -1"),
        ({"starts": (1, 2, 3)}, r"starts is \(1, 2, 3\); allowed: two numbers from 0.001 to 1000"),
        ({"starts": (0, 1)}, "starts is"),
        ({"starts": "far"}, "starts is 'far'"),
        ({"lr": 1}, "lr is 1; this figure allows 0.0001 to 0.1"),
        ({"weight_decay": 0}, "weight_decay is 0; this figure allows 0.01 to 10"),
        ({"beta1": 1}, "beta1 is 1"),
        ({"beta2": 1}, "beta2 is 1"),
        ({"size": 0}, "size is 0"),
        ({"pull": "l2"}, "pull is 'l2'; allowed: 'decoupled', 'L2'"),
        ({"controls": ("eta",)}, "controls holds 'eta'; allowed: 'lr'"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises(ValueError, match=words):
        live.equilibrium(**arguments)


@pytest.mark.parametrize("pull", ["decoupled", "L2"])
def test_the_still_is_a_picture(pull):
    assert live.equilibrium(pull=pull, steps=100).still()[:4] == b"\x89PNG"


@pytest.mark.parametrize("pull", ["decoupled", "L2"])
def test_javascript_is_numpy(pull, tmp_path):
    given = {k: v for k, v in HYPER.items() if k != "beta2"}
    figure = live.equilibrium(
        **given, beta2=0.99, pull=pull, size=3.0, starts=(0.1, 4), d=16, steps=200, seed=3
    )
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))};
    const found = figure.compute(spec, (name) => at[name], {{}});
    const runs = found.runs.map((r) => [[...r.norms], [...r.relative], r.norm, r.turn]);
    console.log(JSON.stringify([runs, found.theory]));
    """
    runs, theory = in_node(figure.view.module, script, tmp_path)
    _, norms, relative = drawn((0.1, 4), 16, 200, 3, pull, 3.0, HYPER)
    for k, (found, turned, mean, turn) in enumerate(runs):
        np.testing.assert_allclose(found[:-1], norms[:, k], rtol=1e-9)
        np.testing.assert_allclose(turned, relative[:, k], rtol=1e-9)
        assert mean == pytest.approx(np.mean(found[150:]))
        assert turn == pytest.approx(relative[150:, k].mean())
    if pull == "L2":
        assert theory is None
    else:
        expected = settled(d=16, lr=0.02, weight_decay=0.3, beta1=0.8)
        assert [theory["norm"], theory["relative"]] == pytest.approx(expected)


def test_a_start_that_is_dragged_leaves_the_other_run_as_it_is(tmp_path):
    figure = live.equilibrium(d=16, steps=60)
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))}, memo = {{}};
    const first = figure.compute(spec, (name) => at[name], memo).runs;
    at.starts = [at.starts[0], 2];
    const second = figure.compute(spec, (name) => at[name], memo).runs;
    console.log(JSON.stringify([first[0].norms === second[0].norms, second[1].norms[0]]));
    """
    assert in_node(figure.view.module, script, tmp_path) == [True, 2]


def test_gradients_are_orthogonal_and_as_long_as_said():
    """By gradient descent: orthogonal steps add by Pythagoras, and shrink as the norm grows."""
    _, norms, relative = wander(
        "gradient_descent", (2.0,), steps=2, d=4000, size=3.0, every=1, lr=0.5
    )
    step = 0.5 * 3.0 * np.sqrt(4000) / 2.0
    assert relative[0, 0] * 2.0 == pytest.approx(step, rel=0.05)
    assert norms[1, 0] ** 2 == pytest.approx(4 + (relative[0, 0] * 2.0) ** 2, rel=1e-9)


@pytest.mark.parametrize("own", [{"lr": 4e-3, "beta1": 0.9}, {"lr": 0.1, "beta1": 0.95}])
def test_the_walk_settles_where_the_theory_says_whatever_the_start_and_the_gradients_size(own):
    """Also where lr * weight_decay is as large as 1 - beta1, and the norm knows beta1."""
    own = {**own, "weight_decay": 0.5}
    norm, turn = settled(d=200, **own)
    for size in (1e-3, 1.0, 1e3):
        _, norms, relative = wander(
            "adamw", (0.1, 5), steps=6000, d=200, size=size, every=10, eps=0, **own
        )
        np.testing.assert_allclose(norms[-200:].mean(0), norm, rtol=0.05)
        np.testing.assert_allclose(relative[-200:].mean(0), turn, rtol=0.05)


def test_a_large_penalty_is_lost_in_l2_when_gradients_are_larger():
    _, weak, _ = wander("adam", (1.0,), steps=3000, d=200, size=1e3, l2=0.5, every=20, lr=4e-3)
    _, free, _ = wander("adam", (1.0,), steps=3000, d=200, size=1e3, every=20, lr=4e-3)
    np.testing.assert_allclose(weak[-1], free[-1], rtol=0.01)
