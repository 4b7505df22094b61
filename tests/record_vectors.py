"""Run keras, timm and pytorch_optimizer once and keep their steps in vectors.json.

The libraries are not needed to run the tests. To record anew, in an environment of its own (keras
on torch, since its NumPy backend rounds the learning rate to float32):

    pip install numpy torch keras timm pytorch_optimizer
    KERAS_BACKEND=torch python tests/record_vectors.py

Each row of oracles.ROWS that belongs to one of them is run in float64 on every kind of gradients;
the parameters after three of the steps are written with 17 digits.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import types
import warnings

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import oracles  # noqa: E402


def keras_path(call, problem, kind):
    """Parameters after each step of a keras optimizer."""
    import keras

    keras.config.set_floatx("float64")
    name, keywords = oracles.arguments(call)
    optimizer = getattr(keras.optimizers, name.rpartition(".")[2])(**keywords)
    layers = [keras.Variable(x, dtype="float64") for x in problem.start]
    base = float(optimizer.learning_rate)
    path = [np.empty((oracles.KINDS[kind], *x.shape)) for x in problem.start]
    for k in range(oracles.KINDS[kind]):
        if kind == "schedule":
            optimizer.learning_rate = base * float(problem.rates[k])
        g = [
            keras.ops.convert_to_tensor(problem.slope * x.numpy() + e[k])
            for x, e in zip(layers, problem.noise, strict=True)
        ]
        optimizer.apply(g, layers)
        for saved, x in zip(path, layers, strict=True):
            saved[k] = x.numpy()
    return path


def optimizers_of_timm():
    """timm's optimizer modules, without the image models its package imports first."""
    root = pathlib.Path(importlib.util.find_spec("timm").origin).parent
    for name in ("timm", "timm.optim"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    found = [importlib.import_module(f"timm.optim.{name}") for name in ("lars", "lamb", "sgdw")]
    return types.SimpleNamespace(**{k: v for module in found for k, v in vars(module).items()})


def torch_like_path(library, call, problem, kind):
    name, keywords = oracles.arguments(call)
    build = getattr(library, name.rpartition(".")[2])
    return oracles.torch_path(lambda p: build(p, **keywords), problem, kind)


def main():
    import pytorch_optimizer

    timm = optimizers_of_timm()
    run = {
        "keras": keras_path,
        "timm": lambda *a: torch_like_path(timm, *a),
        "pytorch_optimizer": lambda *a: torch_like_path(pytorch_optimizer, *a),
    }
    versions = {name: importlib.metadata.version(name) for name in ("torch", *run)}
    vectors = {"versions": versions}
    for row in oracles.ROWS:
        if row.library in oracles.EXACT:
            continue
        for kind in oracles.KINDS:
            if kind in row.without and kind in vectors.get(row.call, {}):
                continue
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = run[row.library](row.call, oracles.problem(kind, row.shapes), kind)
            kept = [x[oracles.checkpoints(kind)] for x in path]
            lists = [x.reshape(len(x), -1).tolist() for x in kept]
            vectors.setdefault(row.call, {})[kind] = lists
    text = json.dumps(vectors, separators=(",", ":"))
    (HERE / "vectors.json").write_text(text.replace('],"', '],\n"') + "\n")
    print(f"{len(vectors) - 1} calls, {len(text) / 1000:.0f} kB, {versions}")


if __name__ == "__main__":
    main()
