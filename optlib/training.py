"""Seeded training runs on the book's tasks: one run, several seeds, a grid; and sharpness.

    task, model = tasks.digits(), tasks.mlp((64, 50, 10))
    history = train(task, model, "adam", lr=1e-3, epochs=5, batch_size=32)
    history.loss[-1], history.score[-1]

A run uses one thread and its own seed, so that it gives the same bits each time on one machine.
Sweeps go through joblib: ``joblib.parallel_config(backend="dask")`` around a call hands the runs to
a Dask cluster, ``backend="ray"`` to Ray.
"""

import itertools
import math
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from .rule import Rule, _all_finite
from .torch_optim import TorchRule

# Threads and random state belong to the whole process: runs in threads take turns.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def reproducible(seed):
    """Inside this context torch uses one thread and random numbers that depend on seed alone."""
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def cross_entropy(output, y):
    """Mean cross-entropy in nats; output (examples, classes) holds logits, y int labels."""
    return nn.functional.cross_entropy(output, y)


def mean_square(output, y):
    """Half the squared error summed over outputs, mean over examples; labels become one-hot."""
    if not y.is_floating_point():
        y = nn.functional.one_hot(y, output.shape[1]).to(output.dtype)
    return ((output - y.reshape(output.shape)) ** 2).sum(1).mean() / 2


LOSSES = {"cross_entropy": cross_entropy, "mean_square": mean_square}


def _loss(task, loss):
    if loss is None:
        return cross_entropy if task.kind == "classification" else mean_square
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)} or a function, got {loss!r}")
    return LOSSES[loss]


@dataclass(frozen=True, eq=False)
class History:
    """What one training run recorded.

    steps : (records,) the steps after which a record was taken; the first is 0, the start.
    loss : (records,) loss on the whole training part. test_loss : the same on the test part.
    score : (records,) test accuracy in [0, 1] for classification, R squared for regression.
    measures : {name: (records,)}, whatever ``measure`` asked for.
    diverged : None, or the step at which loss, gradient or parameters were no longer finite (0:
        the start already); the records end before it.
    seed : the run's seed. model : the network as it ended.
    """

    steps: np.ndarray
    loss: np.ndarray
    test_loss: np.ndarray
    score: np.ndarray
    measures: dict
    diverged: int | None
    seed: int
    model: nn.Module = field(repr=False)

    @property
    def final_loss(self):
        """The last training loss; infinity if the run diverged."""
        return math.inf if self.diverged is not None else float(self.loss[-1])

    @property
    def final_score(self):
        """The last test score; nan if the run diverged."""
        return math.nan if self.diverged is not None else float(self.score[-1])

    @property
    def message(self):
        """One line on how the run ended."""
        if self.diverged is not None:
            return f"diverged at step {self.diverged}"
        return f"{self.steps[-1]} steps, loss {self.loss[-1]:.3g}, test {self.score[-1]:.3g}"

    def __repr__(self):
        return f"<History: {self.message}>"


def train(
    task,
    model,
    optimizer,
    *,
    steps=None,
    epochs=None,
    batch_size=None,
    seed=0,
    loss=None,
    record_every=None,
    measure=None,
    scheduler=None,
    goal=None,
    progress=False,
    **hyper,
):
    """Train a model on a task -> :class:`History`.

    model : a function of the seed that makes a network (see ``tasks.mlp``).
    optimizer : a rule or its name, or a function of (parameters, **hyper) that makes a torch
        optimizer, e.g. ``torch.optim.Adam``. hyper : its hyperparameters.
    steps or epochs : length of the run, one of the two. batch_size : examples in a step; None is
        the whole training part. Batches are reshuffled in every epoch; the last may be smaller.
    seed : fixes the initial weights and the order of the examples.
    loss : "cross_entropy", "mean_square" or a function (output, y) -> scalar; by the task's kind.
    record_every : steps between two records; by default about 50 records in the run.
    measure : {name: function(net, optimizer, step) -> number}, called at every record.
    scheduler : a function of the torch optimizer that makes a torch.optim.lr_scheduler, stepped
        after every step. progress : show a tqdm bar.
    goal : a training loss; the run ends at the first record that is not above it.
    """
    loss_fn = _loss(task, loss)
    count = len(task.x_train)
    batch_size = count if batch_size is None else min(_whole("batch_size", batch_size), count)
    steps = _run_length(steps, epochs, math.ceil(count / batch_size))
    every = max(1, steps // 50) if record_every is None else _whole("record_every", record_every)
    with reproducible(seed):
        net = model(seed)
        opt = _optimizer(optimizer, net.parameters(), hyper)
        schedule = scheduler(opt) if scheduler else None
        records = _Records(task, net, opt, loss_fn, measure or {})
        diverged = None if records.take(0) else 0
        batches = _batches(count, batch_size, seed)
        for step in _bar(range(1, steps + 1) if diverged is None else (), progress):
            if not _one_step(net, opt, loss_fn, task, next(batches)):
                diverged = step
                break
            if schedule is not None:
                schedule.step()
            if step % every and step != steps:
                continue
            if not records.take(step):
                diverged = step
                break
            if goal is not None and records.rows[-1][1] <= goal:
                break
    return records.history(diverged, seed)


def _whole(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a whole number, 1 or more, got {value!r}")
    return int(value)


def _run_length(steps, epochs, steps_per_epoch):
    if (steps is None) == (epochs is None):
        raise ValueError(f"give either steps or epochs, got steps={steps!r}, epochs={epochs!r}")
    if steps is not None:
        return _whole("steps", steps)
    return _whole("epochs", epochs) * steps_per_epoch


def _optimizer(optimizer, params, hyper):
    if isinstance(optimizer, (str, Rule)):
        return TorchRule(params, optimizer, **hyper)
    return optimizer(params, **hyper)


def _bar(items, progress):
    if not progress:
        return items
    from tqdm.auto import tqdm

    return tqdm(items)


def _batches(count, batch_size, seed):
    """Index tensors for ever: a new order in each epoch; None where the batch is everything."""
    if batch_size == count:
        yield from itertools.repeat(None)
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(count, generator=generator).split(batch_size)


def _one_step(net, opt, loss_fn, task, batch):
    """One step; False if loss, gradient or new parameters are not finite."""
    x, y = task.x_train, task.y_train
    if batch is not None:
        x, y = x[batch], y[batch]
    opt.zero_grad()
    value = loss_fn(net(x), y)
    if not math.isfinite(value.item()):
        return False
    value.backward()
    if not all(_all_finite(p.grad) for p in net.parameters() if p.grad is not None):
        return False
    try:
        opt.step()
    except FloatingPointError:
        return False
    return True


class _Records:
    """Collects the records of one run."""

    def __init__(self, task, net, opt, loss_fn, measure):
        self.task, self.net, self.opt, self.loss_fn, self.measure = task, net, opt, loss_fn, measure
        self.rows = []

    def take(self, step):
        """One record; False, and none is kept, if the training loss is not finite."""
        task = self.task
        with torch.no_grad():
            loss = self.loss_fn(self.net(task.x_train), task.y_train).item()
            output = self.net(task.x_test)
            test_loss = self.loss_fn(output, task.y_test).item()
        if not math.isfinite(loss):
            return False
        extra = [float(f(self.net, self.opt, step)) for f in self.measure.values()]
        self.rows.append([step, loss, test_loss, _score(task, output), *extra])
        return True

    def history(self, diverged, seed):
        columns = np.array(self.rows).reshape(-1, 4 + len(self.measure)).T
        return History(
            steps=columns[0].astype(int),
            loss=columns[1],
            test_loss=columns[2],
            score=columns[3],
            measures=dict(zip(self.measure, columns[4:])),
            diverged=diverged,
            seed=seed,
            model=self.net,
        )


def _score(task, output):
    if task.kind == "classification":
        return (output.argmax(1) == task.y_test).float().mean().item()
    y = task.y_test
    residual = ((output.reshape(y.shape) - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return 1 - residual.item()


# Several runs ------------------------------------------------------------------------------------


def parallel(function, calls, *, n_jobs=None, progress=False):
    """[function(**call) for call in calls], through joblib, in order.

    n_jobs : processes; None means one, or whatever a surrounding ``joblib.parallel_config`` says.
    """
    from joblib import Parallel, delayed

    calls = list(calls)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(function)(**call) for call in calls
    )
    if not progress:
        return list(results)
    from tqdm.auto import tqdm

    return list(tqdm(results, total=len(calls)))


def seeds(task, model, optimizer, *, seeds=5, n_jobs=None, progress=False, **settings):
    """The same run with several seeds -> list of :class:`History`.

    seeds : their number (0, 1, ...) or a list. The other arguments are those of :func:`train`.
    """
    numbers = range(_whole("seeds", seeds)) if isinstance(seeds, int) else list(seeds)
    run = {"task": task, "model": model, "optimizer": optimizer, **settings}
    return parallel(train, ({**run, "seed": s} for s in numbers), n_jobs=n_jobs, progress=progress)


@dataclass(frozen=True)
class Interval:
    """A mean over n runs with its confidence interval [low, high]; numbers or arrays."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half(self):
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def __str__(self):
        return f"{self.mean:.3g} ± {self.half:.2g}"


def interval(values, level=0.95):
    """Mean and Student-t confidence interval over the first axis (runs) -> :class:`Interval`.

    values : (runs,) or (runs, ...), at least two runs. A value that is not finite makes mean and
    ends nan where it stands: a diverged run cannot be averaged.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(f"an interval needs at least two runs, got shape {values.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    from scipy.stats import t

    n = len(values)
    values = np.where(np.isfinite(values), values, np.nan)
    mean = values.mean(0)
    half = t.ppf((1 + level) / 2, n - 1) * values.std(0, ddof=1) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def final_loss(history):
    """The usual score to tune by: the last training loss, infinity if the run diverged."""
    return history.final_loss


def test_error(history):
    """Share of test examples that are wrong at the end, 1 if the run diverged."""
    return 1 - history.score[-1] if history.diverged is None else 1.0


test_error.__test__ = False  # a function of this module, not a test


@dataclass(frozen=True)
class Tuning:
    """The result of :func:`tune`.

    best : {hyperparameter: value} with the smallest mean score. score : that mean.
    grid : {hyperparameter: values tried}, sorted. rows : one dict a grid point: the
        hyperparameters, "score" (mean over seeds), "scores".
    edges : the hyperparameters whose best value is the first or last of its list. A best value on
        the edge says only that the grid is too short: extend it before comparing anything.
    """

    best: dict
    score: float
    grid: dict
    rows: list = field(repr=False)
    edges: tuple

    @property
    def message(self):
        """One line, with a warning if a best value lies on the edge of its grid."""
        values = ", ".join(f"{k}={v:g}" for k, v in self.best.items())
        warning = "".join(
            f"; best {k} on the edge of its grid [{self.grid[k][0]:g}, {self.grid[k][-1]:g}]"
            for k in self.edges
        )
        return f"best {values}: {self.score:.3g}{warning}"

    def __repr__(self):
        return f"<Tuning: {self.message}>"


def tune(
    task,
    model,
    optimizer,
    grid,
    *,
    seeds=3,
    score: Callable = final_loss,
    n_jobs=None,
    progress=False,
    **settings,
):
    """Try every combination of a grid -> :class:`Tuning`; the smallest mean score wins.

    grid : {hyperparameter: list of numbers}. seeds : number of seeds, or a list, for each point.
    score : function of a History, smaller is better. The rest are the arguments of :func:`train`.
    A list of a single number is a fixed value and is never flagged as an edge.
    """
    if not grid or any(len(v) == 0 for v in grid.values()):
        raise ValueError(f"grid must give at least one value for each hyperparameter, got {grid!r}")
    numbers = list(range(_whole("seeds", seeds)) if isinstance(seeds, int) else seeds)
    grid = {k: sorted(set(v)) for k, v in grid.items()}
    points = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    run = {"task": task, "model": model, "optimizer": optimizer, **settings}
    calls = [{**run, **point, "seed": s, "score": score} for point in points for s in numbers]
    scores = parallel(_scored, calls, n_jobs=n_jobs, progress=progress)
    scores = np.reshape(scores, (len(points), len(numbers)))
    rows = [
        {**point, "score": float(s.mean()), "scores": s.tolist()}
        for point, s in zip(points, scores)
    ]
    best = min(rows, key=lambda row: math.inf if math.isnan(row["score"]) else row["score"])
    chosen = {k: best[k] for k in grid}
    edges = tuple(k for k, v in grid.items() if len(v) > 1 and chosen[k] in (v[0], v[-1]))
    return Tuning(chosen, best["score"], grid, rows, edges)


def _scored(score, **run):
    return float(score(train(**run)))


# Sharpness ---------------------------------------------------------------------------------------


def top_eigenvalue(multiply, size, *, iterations=60, tolerance=1e-4, seed=0, dtype=torch.float32):
    """The largest eigenvalue of a symmetric matrix known by its products -> float.

    multiply : vector (size,) -> matrix times vector. Lanczos with full reorthogonalisation from a
    seeded start, until the residual of the largest eigenpair is below tolerance times the
    eigenvalue, or for ``iterations`` products.
    """
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)
    basis, diagonal, beside, top = [v / v.norm()], [], [], math.nan
    for _ in range(min(iterations, size)):
        w = multiply(basis[-1])
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):  # once more: rounding leaves a remainder
            w = w - torch.stack(basis).T @ (torch.stack(basis) @ w)
        length = float(w.norm())
        values, vectors = np.linalg.eigh(
            np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        )
        top = float(values[-1])
        if length * abs(vectors[-1, -1]) <= tolerance * abs(top):
            break
        beside.append(length)
        basis.append(w / length)
    return top


def hessian_product(net, x, y, loss=None):
    """(multiply, size): products of the loss Hessian with a flat vector over all parameters."""
    params = [p for p in net.parameters() if p.requires_grad]
    if loss is None:
        loss = mean_square if y.is_floating_point() else cross_entropy
    loss = LOSSES.get(loss, loss) if isinstance(loss, str) else loss
    slopes = torch.autograd.grad(loss(net(x), y), params, create_graph=True)
    flat = torch.cat([s.reshape(-1) for s in slopes])

    def multiply(v):
        parts = torch.autograd.grad(flat @ v, params, retain_graph=True)
        return torch.cat([p.reshape(-1) for p in parts])

    return multiply, flat.numel()


def sharpness(net, x, y, loss=None, *, iterations=60, tolerance=1e-4, seed=0):
    """The largest eigenvalue of the Hessian of the loss at the network's parameters.

    x, y : the examples the loss is taken over (all of them, for full-batch statements).
    loss : as in :func:`train`. Units: loss per parameter unit squared, so that lr * sharpness has
    none; gradient descent is stable on the quadratic model while lr * sharpness < 2.
    """
    return preconditioned_sharpness(
        net, x, y, None, None, loss, iterations=iterations, tolerance=tolerance, seed=seed
    )


def preconditioned_sharpness(
    net, x, y, v_hat, eps, loss=None, *, iterations=60, tolerance=1e-4, seed=0
):
    """The largest eigenvalue of P^(-1/2) H P^(-1/2) with P = diag(sqrt(v_hat) + eps).

    v_hat : one tensor for each parameter, the corrected second moment (see :func:`adam_v_hat`).
    Adam with a frozen P is stable on the quadratic model while
    lr * this < 2 (1 + beta1) / (1 - beta1), which is 38 at beta1 = 0.9 (Cohen et al. 2022).
    """
    with torch.enable_grad():
        multiply, size = hessian_product(net, x, y, loss)
    dtype = next(net.parameters()).dtype
    if v_hat is None:
        scale = torch.ones(size, dtype=dtype)
    else:
        scale = (torch.cat([v.reshape(-1) for v in v_hat]).sqrt() + eps).rsqrt()
    if not torch.isfinite(scale).all():
        raise ValueError("v_hat has a zero and eps is 0: the preconditioner is infinite there")
    return top_eigenvalue(
        lambda u: scale * multiply(scale * u),
        size,
        iterations=iterations,
        tolerance=tolerance,
        seed=seed,
        dtype=dtype,
    )


def adam_v_hat(optimizer):
    """The corrected second moments of a TorchRule "adam" after at least one step, in order."""
    moments = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state[p]
            if not state:
                raise ValueError("the optimizer has not taken a step yet")
            moments.append(state["v"] / (1 - group["beta2"] ** state["step"]))
    return moments
