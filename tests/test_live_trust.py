"""Relative steps without a browser: arguments, and the JavaScript against NumPy and formulas."""

import json

import numpy as np
import pytest
from test_live import half_step, in_node, linked
from test_live_noise_floor import shown

from optlib import live, rules
from optlib.live.trust import LAYERS, SIZE, relative_steps, spread_out

WEIGHTS, GRADIENTS = map(list, zip(*LAYERS.values()))


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.trust()
    links = linked(figure)
    own = {"gradient_descent_lr", "adam_lr", "lars_lr", "lamb_lr", "beta", "trust", "tune"}
    assert set(links) == set(figure.controls) == own | {"step", "spread"}
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
    few = live.trust(("lars", "lamb"), controls=("lr",), lr=0.02)
    assert list(few.controls) == ["step", "spread", "lr"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.trust(),
        lambda: live.trust("lars", lr=0.5, trust=0.01, step=7, steps=30, seed=4),
        lambda: live.trust(
            ("adam", "lamb"),
            layers=("in", "out"),
            weights=(1, 20),
            gradients=(1e-3, 5),
            spread=0.5,
            shown="lamb",
            controls=("lr",),
            ranges={"lamb_lr": (1e-4, 1e-2)},
        ),
        lambda: live.trust(tune="adam", step=3),
        lambda: live.trust(adam_beta1=0.5, lr=0.1, controls=("adam_beta1",)),
    ],
    ids=range(5),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in shown(figure).items())])
    again = eval(f"live.trust({call})", {"live": live})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": ("lasr",)}, "lasr.*lars"),
        ({"rules": ()}, "rules is empty"),
        ({"layers": ("one",)}, "layers is .*allowed: 2 to 6 different names"),
        ({"layers": ("a", "a")}, "2 to 6 different names"),
        ({"layers": (1, 2)}, "2 to 6 different names"),
        ({"weights": (1, 2)}, r"weights is \(1, 2\); allowed: 5 numbers from 0.0001 to 1000"),
        ({"weights": (1, 2, 3, 4, 0)}, "weights is"),
        ({"gradients": "small"}, "gradients is 'small'"),
        ({"spread": 3}, "spread is 3; this figure allows 0 to 2"),
        ({"steps": 0}, "steps is 0; allowed: a whole number from 1 to 200"),
        ({"step": 0}, "step is 0"),
        ({"step": 21}, "step is 21"),
        ({"seed": -1}, "seed is -1"),
        ({"shown": "rmsprop"}, "shown holds 'rmsprop'"),
        ({"tune": "rmsprop"}, "tune is 'rmsprop'"),
        ({"adam_beta": 0.5}, "'adam_beta' is no hyperparameter here"),
        ({"controls": ("rate",)}, "'rate' is no hyperparameter"),
        ({"lars_lr": -1}, "lr"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.trust(**arguments)


@pytest.mark.parametrize("arguments", [{}, {"shown": ()}])
def test_the_still_is_a_picture(arguments):
    assert live.trust(**arguments).still()[:4] == b"\x89PNG"


# ---------------------------------------------------------------------------- the steps


def test_the_first_step_has_the_length_that_the_formula_gives():
    def first(name, **hyper):
        r = rules.get(name)
        return relative_steps(r, WEIGHTS, GRADIENTS, steps=1, hyper=hyper)[0]

    w, g = np.array(WEIGHTS), np.array(GRADIENTS)
    np.testing.assert_allclose(first("gradient_descent", lr=0.01), 0.01 * g / w, rtol=1e-12)
    np.testing.assert_allclose(first("adam", lr=0.1), 0.1 * np.sqrt(SIZE) / w, rtol=1e-5)
    np.testing.assert_allclose(first("lars", lr=0.5, trust=0.01), 0.005, rtol=1e-12)
    np.testing.assert_allclose(first("lamb", lr=0.003), 0.003, rtol=1e-12)


NAMES = ["gradient_descent", "momentum", "adam", "adamw", "lars", "lamb", "half_step"]


def test_javascript_is_numpy_for_every_rule(tmp_path):
    mine = [half_step if n == "half_step" else rules.get(n) for n in NAMES]
    figure = live.trust(tuple(mine), spread=0.7, step=20, seed=3)
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))};
    const found = figure.compute(spec, (name) => at[name], {{}});
    console.log(JSON.stringify([found.weights, found.gradients, found.runs.map((r) => r.now)]));
    """
    weights, gradients, now = in_node(figure.view.module, script, tmp_path)
    np.testing.assert_allclose(weights, spread_out(WEIGHTS, 0.7), rtol=1e-12)
    np.testing.assert_allclose(gradients, spread_out(GRADIENTS, 0.7), rtol=1e-12)
    values, asked = shown(figure), figure.view.spec["arguments"]
    for r, steps in zip(mine, now):
        hyper = {k: values.get(v, v) for k, v in asked[r.name].items()}
        truth = relative_steps(r, weights, gradients, steps=20, seed=3, hyper=hyper)[-1]
        np.testing.assert_allclose(steps, truth, rtol=1e-9, err_msg=r.name)


def test_first_sight_makes_the_point(tmp_path):
    figure = live.trust()
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))}, folds = [];
    for (const spread of [1, 0]) {{
      const get = (name) => (name === "spread" ? spread : at[name]);
      folds.push(figure.compute(spec, get, {{}}).runs.map((r) => r.fold));
    }}
    console.log(JSON.stringify(folds));
    """
    spread, alike = in_node(figure.view.module, script, tmp_path)
    np.testing.assert_allclose(spread, [2000, 20, 1, 1], rtol=1e-4)
    np.testing.assert_allclose(alike, 1, rtol=1e-4)
