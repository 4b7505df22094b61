"""The book's data sets and models: offline, seeded, standardised."""

import pickle
import random

import numpy as np
import pytest
import torch

from optlib import tasks

SIZES = {
    "digits": (1438, 359, 64, 10),
    "breast_cancer": (455, 114, 30, 2),
    "diabetes": (354, 88, 10, 0),
    "mnist1d": (4000, 1000, 40, 10),
    "zipf_text": (4000, 1000, 2000, 2),
}


def test_every_task_is_listed_here():
    assert set(SIZES) == set(tasks.ALL)


@pytest.mark.parametrize("name", SIZES)
def test_shapes_types_and_scale(name):
    task = tasks.ALL[name]()
    train, test, features, classes = SIZES[name]
    assert task.x_train.shape == (train, features) and task.x_test.shape == (test, features)
    assert task.y_train.shape == (train,) and task.y_test.shape == (test,)
    assert (task.features, task.classes) == (features, classes)
    assert task.x_train.dtype == task.x_test.dtype == torch.float32
    if classes:
        assert task.y_train.dtype == torch.int64
        assert set(task.y_train.tolist()) == set(range(classes))
    else:
        assert abs(task.y_train.mean()) < 1e-5 and abs(task.y_train.std() - 1) < 5e-3
    if name != "zipf_text":
        spread = task.x_train.std(0, correction=0)
        assert task.x_train.mean(0).abs().max() < 1e-4
        assert bool(((spread - 1).abs().lt(1e-3) | (spread == 0)).all())


@pytest.mark.parametrize("name", SIZES)
def test_made_the_same_each_time_and_without_touching_random_states(name):
    make = tasks.ALL[name]
    torch.manual_seed(5), random.seed(5), np.random.seed(5)  # noqa: NPY002
    before = torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(5), random.seed(5), np.random.seed(5)  # noqa: NPY002
    first = make.__wrapped__()
    after = torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    assert before == after
    again = make.__wrapped__()
    assert torch.equal(first.x_train, again.x_train) and torch.equal(first.y_test, again.y_test)


def test_no_example_is_in_both_parts():
    task = tasks.diabetes()
    rows = {tuple(row) for row in task.x_train.tolist()}
    assert not rows & {tuple(row) for row in task.x_test.tolist()}


def test_zipf_frequencies():
    task = tasks.zipf_text()
    share = task.x_train.mean(0)
    rank = np.arange(1, 2001)
    expected = 1 - (1 - 1 / rank / (1 / rank).sum()) ** 20  # at least once in 20 draws
    assert np.allclose(share, expected, atol=0.03)
    assert set(task.x_train.unique().tolist()) == {0.0, 1.0}
    assert 0.4 < task.y_train.float().mean() < 0.6


def test_views_of_a_task():
    task = tasks.digits()
    assert task.numpy().x_train.dtype == np.float64
    assert task.double().y_train.dtype == torch.int64
    assert tasks.diabetes().numpy().y_train.dtype == np.float64
    few = task.first(300)
    assert torch.equal(few.x_train, task.x_train[:300]) and len(few.x_test) == 359
    for count in (0, 2000):
        with pytest.raises(ValueError, match="count must be between 1 and 1438"):
            task.first(count)


MODELS = {
    "linear": (tasks.linear(64, 10), 64, 650),
    "mlp": (tasks.mlp((64, 50, 50, 10)), 64, 64 * 50 + 50 + 50 * 50 + 50 + 510),
    "layer norm": (tasks.mlp((64, 20, 10), "relu", layer_norm=True), 64, 1300 + 40 + 210),
    "conv": (tasks.conv(), 40, 2442),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    model, inputs, count = MODELS[name]
    net = model(3)
    assert net(torch.zeros(2, inputs)).shape == (2, 10)
    assert sum(p.numel() for p in net.parameters()) == count
    state = torch.get_rng_state()
    same, other = model(3), model(4)
    assert torch.equal(torch.get_rng_state(), state)
    flat = [torch.cat([p.reshape(-1) for p in n.parameters()]) for n in (net, same, other)]
    assert torch.equal(flat[0], flat[1]) and not torch.equal(flat[0], flat[2])
    assert pickle.loads(pickle.dumps(model)) == model


def test_model_describes_itself():
    text = "mlp(sizes=(2, 3), activation='tanh', layer_norm=False)"
    assert repr(tasks.mlp((2, 3))) == text
    assert tasks.linear(3, 2, zero=True)(0)(torch.ones(1, 3)).abs().sum() == 0


def test_bad_models():
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, got 'gelu'"):
        tasks.mlp((2, 3), "gelu")
    with pytest.raises(ValueError, match="sizes must be two or more"):
        tasks.mlp((2,))
