"""Rules, runs, sweeps and the layer optimizer."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optlib import Optimizer, rule, rules, run, schedules, surfaces, sweep
from optlib.rules import adam, gradient_descent, momentum

RAVINE = surfaces.ravine


def grads_of(params, rng):
    return {k: rng.normal(size=np.shape(x)) for k, x in params.items()}


def layers():
    rng = np.random.default_rng(1)
    return {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}


# ---- rules


def test_a_rule_knows_its_signature():
    assert adam.name == "adam"
    assert adam.state == {"m": 0, "v": 0}
    assert list(adam.hyper) == ["lr", "beta1", "beta2", "eps"]
    assert gradient_descent(1.0, 2.0, t=1, lr=0.5) == 0.0


@pytest.mark.parametrize(
    "fn",
    [
        lambda theta, g: theta,
        lambda x, g, *, t: x,
        lambda theta, g, m, *, t: theta,
    ],
)
def test_a_signature_that_is_no_rule_is_refused(fn):
    with pytest.raises(TypeError, match="a rule is written|needs a default"):
        rule(fn)


def test_rules_and_schedules_pickle_by_name():
    assert pickle.loads(pickle.dumps(adam)) is adam
    assert b"adam" in pickle.dumps(adam) and len(pickle.dumps(adam)) < 100
    assert copy.deepcopy(adam) is adam
    s = schedules.cosine(lr=0.1, steps=10)
    assert pickle.loads(pickle.dumps(s)) == s


def test_an_unknown_rule_gets_the_nearest_names():
    with pytest.raises(ValueError, match="no rule named 'adan'.*adam"):
        rules.get("adan")


# ---- run


def test_gradient_descent_needs_346_steps_on_the_ravine():
    result = run(gradient_descent, RAVINE, (1, 1), 400, lr=2 / 101)
    assert result.steps_to(1e-6 * result.loss[0]) == 346


def test_a_run_stops_where_it_diverges():
    result = run(gradient_descent, RAVINE, (1, 1), 2000, lr=1)
    assert result.diverged and result.message == f"diverged at step {result.diverged}"
    assert len(result.theta) == result.diverged
    assert np.isfinite(result.theta).all()


def test_a_schedule_is_asked_at_every_step_from_one():
    asked = []
    run(gradient_descent, RAVINE, (1, 1), 3, lr=lambda t: asked.append(t) or 0.01)
    assert asked == [1, 2, 3]


def test_zero_over_zero_names_eps():
    with pytest.raises(ValueError, match="eps must be positive"):
        run(adam, RAVINE, (1, 0), 3, eps=0)
    assert np.isfinite(run(adam, RAVINE, (1, 1), 3, eps=0).theta).all()


def test_the_noise_free_bowl_on_which_adam_converges_and_explodes():
    result = run(adam, lambda x: x, 1.0, 1000, lr=0.1, beta2=0.99)
    size = np.abs(result.theta)
    assert size[878] < 1e-18
    assert 0.02 < size[930:960].max() < 0.05


# ---- sweep


@settings(deadline=None, max_examples=25)
@given(
    lrs=st.lists(st.floats(0, 3), min_size=1, max_size=5),
    betas=st.lists(st.floats(0, 0.99), min_size=1, max_size=4),
)
def test_a_sweep_equals_single_runs(lrs, betas):
    grid = sweep(
        momentum, RAVINE, (1, 0.5), 60, goal=0.1, lr=np.array(lrs)[:, None], beta=np.array(betas)
    )
    for i, lr in enumerate(lrs):
        for j, beta in enumerate(betas):
            single = run(momentum, RAVINE, (1, 0.5), 60, lr=lr, beta=beta)
            assert single.diverged is None
            np.testing.assert_array_equal(grid.theta[:, i, j], single.theta[-1])
            assert grid.best[i, j] == single.loss.min()
            assert grid.steps_to[i, j] == (-1 if (s := single.steps_to(0.1)) is None else s)


def test_a_sweep_marks_what_diverged_without_a_warning():
    grid = sweep(gradient_descent, RAVINE, (1, 1), 3000, lr=np.array([0.01, 1.0]))
    assert grid.finite.tolist() == [True, False]
    assert repr(grid) == "<Sweep: 2 runs, 1 diverged>"


def test_a_large_sweep_is_cut_into_blocks_without_a_seam():
    lr = np.linspace(1e-3, 0.019, 20_000)
    grid = sweep(gradient_descent, RAVINE, (1, 1), 3, lr=lr)
    np.testing.assert_allclose(grid.theta[0], (1 - lr) ** 3, rtol=1e-13)


# ---- Optimizer


def test_layers_come_back_in_the_container_they_came_in():
    w = np.ones(2)
    assert isinstance(Optimizer(adam, {"a": w}).step({"a": w}, {"a": w}), dict)
    assert isinstance(Optimizer(adam, [w, w]).step([w, w], [w, w]), list)
    assert isinstance(Optimizer(adam, w).step(w, w), np.ndarray)


def test_resumed_is_uninterrupted_bit_for_bit():
    def train(interrupt):
        rng, params = np.random.default_rng(0), layers()
        opt = Optimizer(adam, params, lr=schedules.cosine(lr=0.1, steps=20), l2=0.01, clip_norm=1)
        for t in range(20):
            if interrupt and t == 11:
                saved = pickle.dumps(opt)
                opt = pickle.loads(saved)
            if interrupt and t == 15:
                state = opt.state_dict()
                opt = Optimizer(
                    adam, params, lr=schedules.cosine(lr=0.1, steps=20), l2=0.01, clip_norm=1
                )
                opt.load_state_dict(state)
            params = opt.step(params, grads_of(params, rng))
        return params

    for a, b in zip(train(False).values(), train(True).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_groups_give_layers_their_own_hyperparameters():
    params = {k: np.zeros_like(x) for k, x in layers().items()}
    ones = {k: np.ones_like(x) for k, x in params.items()}
    opt = Optimizer(
        gradient_descent, params, lr=0.1, groups=[(lambda name, x: x.ndim == 1, {"lr": 0.5})]
    )
    new = opt.step(params, ones)
    assert np.all(new["w"] == -0.1) and np.all(new["b"] == -0.5)
    pickle.loads(pickle.dumps(opt))  # the selecting function need not pickle


def test_l2_goes_into_the_gradient_and_may_be_excluded():
    params = {"w": np.full(2, 2.0), "b": np.full(2, 2.0)}
    zeros = {k: np.zeros(2) for k in params}
    no_decay = [(lambda name, x: name == "b", {"l2": 0})]
    new = Optimizer(gradient_descent, params, lr=0.5, l2=0.1, groups=no_decay).step(params, zeros)
    np.testing.assert_allclose(new["w"], 2 - 0.5 * 0.1 * 2)
    np.testing.assert_array_equal(new["b"], params["b"])


def test_clipping_is_by_the_norm_of_all_layers_together():
    params, grads = (
        {"a": np.zeros(1), "b": np.zeros(1)},
        {"a": np.array([3e200]), "b": np.array([4e200])},
    )
    new = Optimizer(gradient_descent, params, lr=1, clip_norm=0.5).step(params, grads)
    np.testing.assert_allclose([new["a"][0], new["b"][0]], [-0.3, -0.4])
    small = {"a": np.array([0.03]), "b": np.array([0.04])}
    new = Optimizer(gradient_descent, params, lr=1, clip_norm=0.5).step(params, small)
    assert new["a"][0] == -0.03


def test_gradients_and_parameters_stay_as_they_are():
    params, rng = layers(), np.random.default_rng(0)
    grads = grads_of(params, rng)
    before = copy.deepcopy((params, grads))
    Optimizer(adam, params, l2=0.1, clip_norm=0.1).step(params, grads)
    Optimizer(adam, params, l2=0.1).step(params, grads)
    for mine, kept in zip((params, grads), before, strict=True):
        for k in mine:
            np.testing.assert_array_equal(mine[k], kept[k])


def test_look_ahead_gradients_must_be_declared():
    @rule(at=lambda theta, u, *, lr, beta: theta - lr * beta * u)
    def ahead(theta, g, u=0, *, t, lr=0.1, beta=0.9):
        u = beta * u + g
        theta = theta - lr * u
        return theta, u

    w = np.ones(2)
    opt = Optimizer(ahead, w)
    with pytest.raises(ValueError, match=r"opt.point\(params\)"):
        opt.step(w, w)
    w = opt.step(w, opt.point(w), at_point=True)
    np.testing.assert_allclose(opt.point(w), w - 0.09 * np.ones(2))
