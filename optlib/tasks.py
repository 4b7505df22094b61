"""The book's data sets and small models. Nothing is downloaded; everything is seeded.

    task = tasks.digits()
    model = tasks.mlp((64, 50, 50, 10))      # a description; model(seed=0) makes the network
    net = model(seed=0)

Data sets are bundled with scikit-learn (digits, breast_cancer, diabetes) or made in code (mnist1d,
zipf_text). They are kept in memory only.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True, eq=False)
class Task:
    """A data set, split into training and test part.

    x_train, x_test : (examples, features) float32 tensors, features of mean 0 and standard
        deviation 1 on the training part (constant features stay 0).
    y_train, y_test : (examples,) int64 labels for kind "classification", (examples,) float32
        targets of mean 0 and standard deviation 1 for kind "regression".
    classes : number of labels, 0 for regression. description : one sentence with its source.
    """

    name: str
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    kind: str
    classes: int
    description: str

    @property
    def features(self):
        """Number of features of an example."""
        return self.x_train.shape[1]

    @property
    def outputs(self):
        """Number of outputs a model needs: one for each class, one for regression."""
        return self.classes or 1

    def map(self, function):
        """The same task with ``function`` applied to its four arrays."""
        names = ("x_train", "y_train", "x_test", "y_test")
        return replace(self, **{k: function(getattr(self, k)) for k in names})

    def numpy(self):
        """The same task as NumPy arrays: float64 features and targets, int64 labels."""
        return self.double().map(lambda a: a.numpy())

    def double(self):
        """The same task with float64 features and targets (the model follows: ``net.double()``)."""
        return self.map(lambda a: a.double() if a.is_floating_point() else a)

    def first(self, count):
        """The same task with the first ``count`` training examples (they are in random order)."""
        if not 1 <= count <= len(self.x_train):
            raise ValueError(f"count must be between 1 and {len(self.x_train)}, got {count!r}")
        return replace(self, x_train=self.x_train[:count], y_train=self.y_train[:count])

    def __repr__(self):
        sizes = f"{len(self.x_train)} training and {len(self.x_test)} test examples"
        return f"<Task {self.name}: {sizes}, {self.features} features, {self.kind}>"


def _split(name, x, y, kind, description, *, test=0.2, seed=0):
    """Shuffle, split, standardise by the training part."""
    x, y = np.asarray(x, dtype=float), np.asarray(y)
    order = np.random.default_rng(seed).permutation(len(x))
    cut = len(x) - round(test * len(x))
    return _task(
        name, x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]], kind, description
    )


def _task(name, x_train, y_train, x_test, y_test, kind, description, scale=True):
    if scale:
        mean, spread = x_train.mean(0), x_train.std(0)
        spread[spread == 0] = 1
        x_train, x_test = (x_train - mean) / spread, (x_test - mean) / spread
    classes = 0
    if kind == "classification":
        classes = int(max(y_train.max(), y_test.max())) + 1
        labels = [torch.tensor(y, dtype=torch.int64) for y in (y_train, y_test)]
    else:
        mean, spread = y_train.mean(), y_train.std()
        labels = [torch.tensor((y - mean) / spread, dtype=torch.float32) for y in (y_train, y_test)]
    inputs = [torch.tensor(x, dtype=torch.float32) for x in (x_train, x_test)]
    return Task(name, inputs[0], labels[0], inputs[1], labels[1], kind, classes, description)


@functools.cache
def digits():
    """1,797 handwritten digits, 8 x 8 pixels, ten classes (UCI's test set, from scikit-learn)."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    text = "Handwritten digits, 8 x 8 pixels (UCI optical recognition, Alpaydin & Kaynak 1998)."
    return _split("digits", x, y, "classification", text)


@functools.cache
def breast_cancer():
    """569 tumours, 30 measured features, two classes: 1 is benign (UCI, Wolberg et al. 1995)."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    text = "Breast cancer Wisconsin (diagnostic), UCI, Wolberg et al. 1995; label 1 is benign."
    return _split("breast_cancer", x, y, "classification", text)


@functools.cache
def diabetes():
    """442 patients, 10 features, progression after a year, standardised (Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    text = "Diabetes progression after one year (Efron, Hastie, Johnstone & Tibshirani 2004)."
    return _split("diabetes", x, y, "regression", text)


@functools.cache
def mnist1d():
    """4,000 + 1,000 one-dimensional digits, 40 points, ten classes, made in code.

    Greydanus & Kobak, "Scaling down deep learning with MNIST-1D".
    """
    import random

    from mnist1d.data import get_dataset_args, make_dataset

    # The generator seeds the global random states: put them back as they were.
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        data = make_dataset(get_dataset_args())
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
    text = "One-dimensional digits, 40 points, made in code (Greydanus & Kobak, MNIST-1D)."
    parts = [np.asarray(data[k]) for k in ("x", "y", "x_test", "y_test")]
    return _task("mnist1d", *parts, "classification", text)


@functools.cache
def zipf_text(vocabulary=2000, words=20, train=4000, test=1000, seed=0):
    """Sparse bags of words with Zipf frequencies, two classes, made in code.

    Each document has ``words`` draws; word j is drawn with probability proportional to 1/j, and a
    feature is 1 when the word occurs. Features are not standardised: most columns are almost
    always 0, which is the point. Labels follow a logistic model with one N(0, 1) weight a word,
    so rare words matter as much as common ones where they occur.
    """
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, vocabulary + 1)
    frequency /= frequency.sum()
    count = train + test
    x = np.zeros((count, vocabulary))
    x[np.arange(count)[:, None], rng.choice(vocabulary, (count, words), p=frequency)] = 1
    score = (x - x.mean(0)) @ rng.normal(size=vocabulary)
    y = (rng.random(count) < 1 / (1 + np.exp(-score))).astype(int)
    text = f"Bags of {words} out of {vocabulary} words with Zipf frequencies, made in code."
    parts = (x[:train], y[:train], x[train:], y[train:])
    return _task("zipf_text", *parts, "classification", text, scale=False)


ALL = {f.__name__: f for f in (digits, breast_cancer, diabetes, mnist1d, zipf_text)}


@dataclass(frozen=True)
class Model:
    """A description of a network; calling it with a seed makes one, always the same.

    It pickles, compares by its settings and prints them, so that it can stand in a record.
    """

    name: str
    settings: tuple
    build: Callable

    def __call__(self, seed=0):
        """A new torch network whose initial weights depend on the seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build(**dict(self.settings))

    def __repr__(self):
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.settings)})"


def linear(inputs, outputs, *, bias=True, zero=False):
    """One linear layer: linear regression (outputs = 1), logistic and softmax regression.

    zero=True starts at zero weights; otherwise torch's default, uniform in +-1/sqrt(inputs).
    """
    settings = {"inputs": inputs, "outputs": outputs, "bias": bias, "zero": zero}
    return Model("linear", tuple(settings.items()), _linear)


def _linear(inputs, outputs, bias, zero):
    layer = nn.Linear(inputs, outputs, bias=bias)
    if zero:
        for p in layer.parameters():
            nn.init.zeros_(p)
    return layer


ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def mlp(sizes, activation="tanh", *, layer_norm=False):
    """A multilayer perceptron, e.g. sizes (64, 50, 50, 10); weights as torch starts them.

    activation : "tanh" or "relu". layer_norm : normalise before each activation.
    """
    sizes = tuple(int(n) for n in sizes)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be two or more positive widths, got {sizes}")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    settings = {"sizes": sizes, "activation": activation, "layer_norm": layer_norm}
    return Model("mlp", tuple(settings.items()), _mlp)


def _mlp(sizes, activation, layer_norm):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers += [nn.LayerNorm(b)] if layer_norm else []
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def conv(length=40, outputs=10, channels=16):
    """Three small convolutions and a linear layer for mnist1d: input (examples, length)."""
    settings = {"length": length, "outputs": outputs, "channels": channels}
    return Model("conv", tuple(settings.items()), _conv)


def _conv(length, outputs, channels):
    shrunk = length
    layers = [nn.Unflatten(1, (1, length))]
    for inputs in (1, channels, channels):
        layers += [nn.Conv1d(inputs, channels, 3, stride=2, padding=1), nn.ReLU()]
        shrunk = (shrunk + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * shrunk, outputs))
