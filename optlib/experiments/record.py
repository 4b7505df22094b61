"""Carry out the runs of an experiment and keep its record."""

import json
import math
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from . import RESULTS, load, module


@dataclass(frozen=True)
class Claim:
    """One line of the reproduction ledger.

    claim : what was claimed, in our words. source : who claims it, "Cohen et al. 2021", or "ours".
    measured : our number, from the summary. verdict : True if the criterion says that the claim
        held here, False if not, or the few words that say on what condition it did.
    words : the verdict as the chapter has it, where "not reproduced" or "false" would say too much.
    """

    claim: str
    source: str
    measured: str
    verdict: bool | str
    words: str = ""


def execute(name, *, jobs=None, fresh=False, progress=False, folder=RESULTS, experiment=None):
    """Do what is missing from a record -> the complete record, also written to folder/NAME.json.

    jobs : joblib processes (None: one, or what ``joblib.parallel_config`` says).
    fresh : start again instead of going on. experiment : the module, if it is not in NAMES.
    The record is rewritten after each run, whole and at once: a stop at any time loses only the
    runs under way. ValueError if the record on disk was made with other parameters.
    """
    experiment = experiment or module(name)
    path = Path(folder) / f"{name}.json"
    record = _start(name, experiment, path, fresh)
    while True:
        planned = experiment.plan(record["runs"])
        done = [_settings(run) for run in record["runs"]]
        todo = [settings for settings in planned if settings not in done]
        if not todo:
            break
        for run in _bar(_carry_out(experiment, todo, jobs), len(todo), name, progress):
            record["runs"].append(run)
            _write(record, path)
    place = {json.dumps(s, sort_keys=True): i for i, s in enumerate(planned)}
    # In the order of the plan, so that a resumed record is the same as an uninterrupted one.
    kept = [r for r in record["runs"] if json.dumps(_settings(r), sort_keys=True) in place]
    kept.sort(key=lambda r: place[json.dumps(_settings(r), sort_keys=True)])
    record |= {
        "runs": kept,
        "seconds": round(sum(run["seconds"] for run in kept), 1),
        "summary": tidy(experiment.summary(kept)),
        "complete": True,
    }
    _write(record, path)
    return record


def _start(name, experiment, path, fresh):
    parameters = tidy(experiment.PARAMETERS)
    record = {
        "experiment": name,
        "question": experiment.__doc__.strip().splitlines()[0],
        "parameters": parameters,
        "versions": _versions(),
        "complete": False,
        "seconds": 0,
        "summary": {},
        "runs": [],
    }
    if fresh or not path.exists():
        return record
    old = json.loads(path.read_text())
    changed = [k for k in parameters if old["parameters"].get(k) != parameters[k]]
    changed += [k for k in old["parameters"] if k not in parameters]
    if changed:
        raise ValueError(
            f"the record of {name} was made with other parameters ({', '.join(changed)}); "
            "start it again with --fresh"
        )
    return record | {"runs": old["runs"], "versions": old["versions"]}


def _settings(run):
    return {k: v for k, v in run.items() if k not in ("result", "seconds")}


def _carry_out(experiment, todo, jobs):
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    return parallel(delayed(_one)(experiment.one, settings) for settings in todo)


def _one(function, settings):
    start = time.perf_counter()
    result = function(**settings)
    return {
        **settings,
        "seconds": round(time.perf_counter() - start, 2),
        "result": tidy(result),
    }


def _bar(runs, total, name, progress):
    if not progress:
        return runs
    from tqdm.auto import tqdm

    return tqdm(runs, total=total, desc=name)


def first(run, count, *names, **changed):
    """A run cut short, for ``shorten``: its settings with some changed, and what it must give.

    What it must give are the first count entries of the results named, which are lists.
    """
    settings = _settings(run) | changed
    return settings, {name: run["result"][name][:count] for name in names}


def tidy(value, digits=6):
    """Plain JSON values: floats to six significant digits, nan and infinities to None."""
    if isinstance(value, dict):
        return {str(k): tidy(v, digits) for k, v in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        value = value.tolist() if hasattr(value, "tolist") else value
        return [tidy(v, digits) for v in value] if isinstance(value, (list, tuple)) else tidy(value)
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def _versions():
    import numpy
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__.partition("+")[0],
        "numpy": numpy.__version__,
    }


def _write(record, path):
    """One line for each run, so that a diff shows which runs changed."""
    head = {k: v for k, v in record.items() if k != "runs"}
    text = json.dumps(head, indent=1, allow_nan=False)[:-2]
    lines = ",\n".join("  " + json.dumps(run, allow_nan=False) for run in record["runs"])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f'{text},\n "runs": [\n{lines}\n ]\n}}\n')
    os.replace(temporary, path)


__all__ = ["Claim", "execute", "first", "load", "tidy"]
