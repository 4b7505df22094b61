"""Runs, seeds, tuning, sharpness, and the record of an experiment."""

import json
import threading
import types

import joblib
import numpy as np
import pytest
import torch

from optlib import experiments, schedules, tasks, training
from optlib.experiments import record
from optlib.torch_optim import TorchRule

SMALL = tasks.digits().first(200)
MODEL = tasks.mlp((64, 12, 10))
RUN = {"batch_size": 32, "steps": 30, "record_every": 5}


def curves(histories):
    return np.array([[h.loss, h.test_loss, h.score] for h in histories])


def test_a_run_records_what_it_says():
    h = training.train(SMALL, MODEL, "adam", lr=1e-2, **RUN)
    assert h.steps.tolist() == [0, 5, 10, 15, 20, 25, 30]
    net = h.model
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(net(SMALL.x_train), SMALL.y_train).item()
        accuracy = (net(SMALL.x_test).argmax(1) == SMALL.y_test).float().mean().item()
    assert h.loss[-1] == loss == h.final_loss
    assert h.score[-1] == accuracy == h.final_score
    assert h.loss[-1] < h.loss[0] / 2 and h.message.startswith("30 steps, loss ")


def test_runs_are_bit_identical_and_leave_torch_as_it_was():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    a, b = (training.train(SMALL, MODEL, "momentum", lr=0.05, seed=3, **RUN) for _ in range(2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(curves([a]), curves([b]))
    c = training.train(SMALL, MODEL, "momentum", lr=0.05, seed=4, **RUN)
    assert not np.array_equal(curves([a]), curves([c]))


def test_dropout_depends_on_the_seed_alone():
    def model(seed):
        return torch.nn.Sequential(MODEL(0), torch.nn.Dropout(0.5))

    found = []
    for outer, seed in ((1, 3), (2, 3), (1, 4)):
        torch.manual_seed(outer)
        found.append(training.train(SMALL, model, "momentum", seed=seed, steps=3, record_every=1))
    assert np.array_equal(curves(found[:1]), curves(found[1:2]))
    assert not np.array_equal(curves(found[:1]), curves(found[2:]))


def test_batches_visit_every_example_once_an_epoch_in_a_new_order():
    batches = training._batches(10, 4, 0)
    epochs = [[next(batches) for _ in range(3)] for _ in range(2)]
    for epoch in epochs:
        assert [len(b) for b in epoch] == [4, 4, 2]
        assert sorted(torch.cat(epoch).tolist()) == list(range(10))
    assert torch.cat(epochs[0]).tolist() != torch.cat(epochs[1]).tolist()
    assert next(training._batches(10, 4, 1)).tolist() != epochs[0][0].tolist()


def test_full_batch_is_gradient_descent_by_hand():
    task = tasks.diabetes().double()
    h = training.train(
        task, lambda seed: tasks.linear(10, 1, zero=True)(seed).double(), "gradient_descent",
        lr=0.1, steps=7, record_every=1,
    )  # fmt: skip
    data = task.numpy()
    x, y = np.c_[data.x_train, np.ones(len(data.x_train))], data.y_train
    w, losses = np.zeros(11), []
    for _ in range(8):
        losses.append(((x @ w - y) ** 2).mean() / 2)
        w = w - 0.1 * x.T @ (x @ w - y) / len(y)
    assert np.allclose(h.loss, losses, rtol=1e-12)
    assert h.score[0] <= 0.01 < h.score[-1] < 1  # R squared


def test_epochs_and_torch_optimizers_and_schedulers():
    a = training.train(SMALL, MODEL, "adam", lr=1e-2, epochs=2, batch_size=32)
    b = training.train(SMALL, MODEL, torch.optim.Adam, lr=1e-2, epochs=2, batch_size=32)
    assert a.steps[-1] == 14  # seven batches of 200 examples
    assert np.allclose(a.loss, b.loss, rtol=1e-4)
    c = training.train(SMALL, MODEL, "adam", lr=schedules.exponential(lr=1e-2, gamma=0.9), **RUN)
    d = training.train(
        SMALL, MODEL, torch.optim.Adam, lr=1e-2, **RUN,
        scheduler=lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    )  # fmt: skip
    assert np.allclose(c.loss, d.loss, rtol=1e-4) and not np.allclose(a.loss[-1], c.loss[-1])


@pytest.mark.parametrize("optimizer", ["gradient_descent", torch.optim.SGD])
def test_divergence_is_a_result(optimizer):
    h = training.train(
        SMALL, MODEL, optimizer, lr=1e12, steps=50, loss="mean_square", record_every=1
    )
    assert 1 <= h.diverged <= 50 and np.isfinite(h.loss).all()
    assert h.final_loss == np.inf and np.isnan(h.final_score)
    assert h.message == f"diverged at step {h.diverged}"


def test_an_infinite_loss_with_finite_gradient_is_divergence_too():
    def loss(output, y):
        wall = torch.where(output.detach().abs().max() > 2, torch.inf, 0.0)
        return torch.nn.functional.cross_entropy(output, y) + wall

    h = training.train(SMALL, MODEL, "adam", lr=0.1, steps=50, loss=loss, record_every=50)
    assert 1 < h.diverged < 50 and len(h.loss) == 1
    start = training.train(SMALL, MODEL, "adam", steps=5, loss=lambda o, y: o.sum() / 0.0)
    assert start.diverged == 0 and len(start.loss) == 0 and start.final_loss == np.inf


def test_a_goal_ends_the_run_at_the_first_record_that_meets_it():
    whole = training.train(SMALL, MODEL, "adam", lr=1e-2, **RUN)
    goal = whole.loss[3]
    h = training.train(SMALL, MODEL, "adam", lr=1e-2, goal=goal, **RUN)
    first = int(np.flatnonzero(whole.loss <= goal)[0])
    assert h.steps[-1] == whole.steps[first]
    assert h.loss.tolist() == whole.loss[: first + 1].tolist()
    assert training.train(SMALL, MODEL, "adam", lr=1e-2, goal=0.0, **RUN).steps[-1] == 30


def test_measures():
    h = training.train(
        SMALL, MODEL, "adam", **RUN, measure={"twice": lambda net, optimizer, step: 2 * step}
    )
    assert h.measures["twice"].tolist() == (2 * h.steps).tolist()


@pytest.mark.parametrize(
    "settings, text",
    [
        ({}, "either steps or epochs"),
        ({"steps": 3, "epochs": 3}, "either steps or epochs"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"steps": 3, "batch_size": 0.5}, "batch_size must be a whole number"),
        ({"steps": 3, "record_every": 0}, "record_every must be"),
        ({"steps": 3, "loss": "hinge"}, "loss must be one of cross_entropy, mean_square"),
    ],
)
def test_bad_settings(settings, text):
    with pytest.raises(ValueError, match=text):
        training.train(SMALL, MODEL, "adam", **settings)


def test_mean_square():
    output, labels = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 1])
    assert training.mean_square(output, labels).item() == 0.125
    assert training.mean_square(torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 0.0])) == 2.5


def test_interval_is_students():
    found = training.interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)  # t, 2 degrees of freedom
    assert str(found) == "2 ± 2.5"
    many = training.interval(np.arange(12.0).reshape(3, 4))
    assert many.mean.tolist() == [4, 5, 6, 7] and many.low.shape == (4,)
    assert np.isnan(training.interval([1.0, np.inf]).mean)
    for bad in ([1.0], 3.0):
        with pytest.raises(ValueError, match="at least two runs"):
            training.interval(bad)


def test_interval_covers_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(size=(5, 20_000))
    found = training.interval(samples)
    inside = (found.low < 0) & (found.high > 0)
    assert 0.945 < inside.mean() < 0.955


def test_tune_finds_the_minimum_and_flags_edges():
    def best(grid):
        return training.tune(SMALL, MODEL, "adam", {"lr": grid}, seeds=2, **RUN)

    inner = best([1e-5, 1e-1, 3e-2, 10.0])
    assert inner.best["lr"] in (3e-2, 1e-1) and inner.edges == ()
    edge = best([1e-5, 1e-4])
    assert edge.best == {"lr": 1e-4} and edge.edges == ("lr",)
    assert "best lr on the edge of its grid [1e-05, 0.0001]" in edge.message
    assert best([1e-3]).edges == ()  # one value is a choice, not a grid
    scores = [row["score"] for row in inner.rows]
    assert inner.score == min(scores) and len(inner.rows[0]["scores"]) == 2


def test_tune_never_prefers_a_diverged_run():
    found = training.tune(
        SMALL, MODEL, "gradient_descent", {"lr": [1e-3, 1e-2, 1e12]}, seeds=2, loss="mean_square",
        **RUN,
    )  # fmt: skip
    assert found.best == {"lr": 1e-2} and found.rows[-1]["score"] == np.inf
    with pytest.raises(ValueError, match="grid must give at least one value"):
        training.tune(SMALL, MODEL, "adam", {"lr": []}, **RUN)


def test_seeds_through_processes_are_the_same_numbers():
    single = training.seeds(SMALL, MODEL, "adam", seeds=3, lr=1e-2, **RUN)
    double = training.seeds(SMALL, MODEL, "adam", seeds=3, n_jobs=2, lr=1e-2, **RUN)
    assert [h.seed for h in double] == [0, 1, 2]
    assert np.array_equal(curves(single), curves(double))


def test_runs_in_threads_take_turns():
    inside, entered = threading.Event(), []

    def second():
        inside.wait()
        with training.reproducible(1):
            entered.append(True)

    thread = threading.Thread(target=second)
    thread.start()
    with training.reproducible(0):
        inside.set()
        thread.join(0.2)
        assert not entered
    thread.join()
    assert entered


def test_a_dask_cluster_gives_the_same_numbers():
    from distributed import Client, LocalCluster

    grid = {"lr": [1e-3, 1e-2, 1e-1]}
    here = training.tune(SMALL, MODEL, "adam", grid, seeds=2, **RUN)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        there = training.tune(SMALL, MODEL, "adam", grid, seeds=2, **RUN)
        seen = client.run(lambda: "optlib.training" in __import__("sys").modules)
    assert any(seen.values())  # the workers did it, not this process
    assert here == there


# Sharpness ---------------------------------------------------------------------------------------


def explicit_hessian(net, x, y, loss):
    names = [name for name, _ in net.named_parameters()]
    sizes = [p.numel() for p in net.parameters()]
    shapes = [p.shape for p in net.parameters()]

    def value(flat):
        parts = [v.view(s) for v, s in zip(flat.split(sizes), shapes)]
        return loss(torch.func.functional_call(net, dict(zip(names, parts)), (x,)), y)

    flat = torch.cat([p.detach().reshape(-1) for p in net.parameters()])
    return torch.autograd.functional.hessian(value, flat)


@pytest.mark.parametrize("loss", ["mean_square", "cross_entropy"])
def test_sharpness_is_the_top_eigenvalue_of_the_explicit_hessian(loss):
    net = tasks.mlp((3, 5, 4))(0).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(4, (20,), generator=generator)
    hessian = explicit_hessian(net, x, y, training.LOSSES[loss])
    top = torch.linalg.eigvalsh(hessian)[-1].item()
    assert training.sharpness(net, x, y, loss, tolerance=1e-10) == pytest.approx(top, rel=1e-9)
    assert training.sharpness(net, x, y, loss) == pytest.approx(top, rel=1e-3)

    optimizer = TorchRule(net.parameters(), "adam", lr=0, beta2=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        training.LOSSES[loss](net(x), y).backward()
        optimizer.step()
    v_hat = training.adam_v_hat(optimizer)
    for v, p in zip(v_hat, net.parameters()):
        assert torch.allclose(v, p.grad**2, rtol=1e-9)  # a constant gradient, corrected exactly
    scale = (torch.cat([v.reshape(-1) for v in v_hat]).sqrt() + 1e-3) ** -0.5
    top = torch.linalg.eigvalsh(scale[:, None] * hessian * scale)[-1].item()
    found = training.preconditioned_sharpness(net, x, y, v_hat, 1e-3, loss, tolerance=1e-10)
    assert found == pytest.approx(top, rel=1e-9)


def test_top_eigenvalue_is_the_largest_not_the_largest_in_size():
    matrix = torch.diag(torch.tensor([-5.0, 1.0, 2.0, 2.5], dtype=torch.float64))
    found = training.top_eigenvalue(lambda v: matrix @ v, 4, dtype=torch.float64, tolerance=1e-12)
    assert found == pytest.approx(2.5, rel=1e-12)


def test_sharpness_leaves_gradients_and_random_state_alone():
    net = MODEL(0)
    state = torch.get_rng_state()
    a, b = (training.sharpness(net, SMALL.x_train, SMALL.y_train) for _ in range(2))
    assert a == b and torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in net.parameters())


def test_preconditioner_errors():
    net = MODEL(0)
    with pytest.raises(ValueError, match="not taken a step yet"):
        training.adam_v_hat(TorchRule(net.parameters(), "adam"))
    zeros = [torch.zeros_like(p) for p in net.parameters()]
    with pytest.raises(ValueError, match="v_hat has a zero and eps is 0"):
        training.preconditioned_sharpness(net, SMALL.x_train, SMALL.y_train, zeros, 0.0)


# Experiments -------------------------------------------------------------------------------------


def toy(stop_after=None):
    """An experiment of six runs in two stages that can be killed after some of them."""
    count = 0

    def one(lr, seed):
        nonlocal count
        if stop_after is not None and count >= stop_after:
            raise KeyboardInterrupt
        count += 1
        h = training.train(SMALL, MODEL, "adam", lr=lr, seed=seed, batch_size=32, steps=4)
        return {"loss": h.loss, "diverged": h.diverged, "nothing": float("nan")}

    def plan(done):
        first = [{"lr": lr, "seed": s} for lr in (1e-3, 1e-2) for s in (0, 1)]
        if len(done) < len(first):
            return first
        best = min(done[:4], key=lambda r: r["result"]["loss"][-1])["lr"]
        return first + [{"lr": best, "seed": s} for s in (7, 8)]

    return types.SimpleNamespace(
        __doc__="Does it resume?\n\nMore.",
        PARAMETERS={"lrs": (1e-3, 1e-2)},
        plan=plan,
        one=one,
        summary=lambda runs: {"mean": float(np.mean([r["result"]["loss"][-1] for r in runs]))},
    )


def timeless(found):
    found = {**found, "seconds": 0, "runs": [{**r, "seconds": 0} for r in found["runs"]]}
    return json.dumps(found)


@pytest.mark.parametrize("killed_after", [1, 3, 5])
def test_a_killed_experiment_resumes_to_the_same_record(tmp_path, killed_after):
    whole = record.execute("toy", experiment=toy(), folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        record.execute("toy", experiment=toy(killed_after), folder=tmp_path)
    half = json.loads((tmp_path / "toy.json").read_text())
    assert not half["complete"] and len(half["runs"]) == killed_after

    rest = toy()
    done = []
    inner = rest.one
    rest.one = lambda **settings: done.append(settings) or inner(**settings)
    resumed = record.execute("toy", experiment=rest, folder=tmp_path)
    assert len(done) == 6 - killed_after  # only what was missing
    assert timeless(resumed) == timeless(whole)
    assert json.loads((tmp_path / "toy.json").read_text()) == resumed
    assert resumed["complete"] and resumed["question"] == "Does it resume?"
    assert resumed["runs"][0]["result"]["nothing"] is None


def test_the_order_in_which_runs_end_does_not_matter(tmp_path, monkeypatch):
    whole = record.execute("toy", experiment=toy(), folder=tmp_path / "whole")
    one_by_one = record._carry_out
    monkeypatch.setattr(record, "_carry_out", lambda e, todo, jobs: one_by_one(e, todo[::-1], jobs))
    backwards = record.execute("toy", experiment=toy(), folder=tmp_path)
    assert timeless(backwards) == timeless(whole)


def test_a_record_of_other_parameters_is_refused(tmp_path):
    record.execute("toy", experiment=toy(), folder=tmp_path)
    changed = toy()
    changed.PARAMETERS = {"lrs": (1e-3, 1e-1)}
    with pytest.raises(ValueError, match=r"other parameters \(lrs\).*--fresh"):
        record.execute("toy", experiment=changed, folder=tmp_path)
    again = record.execute("toy", experiment=changed, folder=tmp_path, fresh=True)
    assert again["parameters"] == {"lrs": [1e-3, 1e-1]}


@pytest.mark.parametrize("name", experiments.NAMES)
def test_records_in_the_book_are_complete_and_current(name):
    module, found = experiments.module(name), experiments.load(name)
    path = experiments.RESULTS / f"{name}.json"
    assert path.stat().st_size < 700_000  # 100 kB packed
    assert found["complete"]
    assert found["parameters"] == record.tidy(module.PARAMETERS)
    settings = [record._settings(r) for r in found["runs"]]
    assert settings == module.plan(found["runs"])
    assert found["summary"] == record.tidy(module.summary(found["runs"]))


def test_a_short_run_agrees_with_the_edge_of_stability_record():
    module = experiments.module("edge_of_stability")
    stored = next(
        r["result"]
        for r in experiments.load("edge_of_stability")["runs"]
        if (r["lr"], r["seed"]) == (0.4, 0)
    )
    live = module.one(lr=0.4, seed=0, steps=150)
    assert np.allclose(live["loss"], stored["loss"][:4], rtol=1e-3)
    assert np.allclose(live["sharpness"], stored["sharpness"][:4], rtol=1e-3)


def test_noise_scale_is_that_of_gradients_taken_one_by_one():
    net, (x, y) = MODEL(0), (SMALL.x_train[:20], SMALL.y_train[:20])
    single = []
    for k in range(20):
        loss = training.cross_entropy(net(x[k : k + 1]), y[k : k + 1])
        slopes = torch.autograd.grad(loss, list(net.parameters()))
        single.append(torch.cat([slope.reshape(-1) for slope in slopes]).double().numpy())
    single = np.array(single)
    expected = single.var(0, ddof=1).sum() / (single.mean(0) ** 2).sum()
    found = experiments.module("batch_size").noise_scale(net, x, y)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_batch_size_grid_grows_until_its_best_lies_inside():
    module, runs, new = experiments.module("batch_size"), [], True
    while new:
        done = [{k: r[k] for k in ("batch_size", "log2_lr", "seed")} for r in runs]
        new = [settings for settings in module.plan(runs) if settings not in done]
        for settings in new:  # the fewest steps at lr = 2, below or above most first grids
            runs.append({**settings, "result": {"steps": 10 + abs(settings["log2_lr"] - 1)}})
    fresh = [r for r in runs if r["seed"] in module.PARAMETERS["seeds"]]
    assert len(fresh) == 5 * len(module.PARAMETERS["batch_sizes"])
    for r in fresh:
        grid = [q["log2_lr"] for q in runs if q["batch_size"] == r["batch_size"]]
        assert r["log2_lr"] == 1 and min(grid) < 1 < max(grid)


def test_unknown_experiment_and_missing_record(tmp_path):
    with pytest.raises(ValueError, match="no experiment named 'edge'; known: edge_of_stability"):
        experiments.load("edge")
    with pytest.raises(FileNotFoundError, match="python -m optlib.experiments adam_digits"):
        experiments.load("adam_digits", tmp_path)


def test_command_line_lists(capsys):
    from optlib.experiments import __main__ as command

    assert command.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(experiments.NAMES)
    assert all(line.endswith("[recorded]") for line in lines)
    with pytest.raises(SystemExit):
        command.main(["no_such_experiment"])
