"""Long experiments that feed a chapter, and what they recorded.

    python -m optlib.experiments --list
    python -m optlib.experiments edge_of_stability --jobs 2

runs one, appending each finished run to ``results/NAME.json``; a second start goes on where the
first was stopped. A chapter reads the record:

    record = experiments.load("edge_of_stability")
    record["summary"], record["runs"][0]["lr"], record["runs"][0]["result"]

Whether the records still hold, all of them in a minute or two:

    python -m optlib.experiments --check

Each experiment is a module here with

    CHAPTER      the page that shows it
    NOT_FIXED_BEFORE  only where the criterion was changed after results were seen: what was
    PILOT        what was known before the runs, where PARAMETERS does not say it
    PARAMETERS   everything that fixes the runs, the criterion included
    plan(done)   the settings of all runs, given the runs finished so far: list of small dicts
    one(**settings) -> result, numbers and lists only
    summary(runs) -> what the chapter states, the verdict included
    claims(summary) -> what the reproduction ledger prints, a list of record.Claim
    shorten(run) -> (settings, results) or None: a part of a run, and what of its result that part
        gives, for --check; None for a run that rounding rules. Without it, short runs are repeated

To add one: write the module, add its name to NAMES.
"""

import importlib
import json
from pathlib import Path

NAMES = (
    "edge_of_stability",
    "batch_size",
    "momentum_batch",
    "nesterov_edge",
    "nesterov_noise",
    "adagrad_rates",
    "changing_digits",
    "adam_digits",
    "adam_sharpness",
    "bias_correction",
    "adamw_map",
    "large_batch",
    "schedules_mnist1d",
    "warmup_range",
    "one_cycle_mnist1d",
    "tuning_budget",
    "best_rate",
    "broken_runs",
)
RESULTS = Path(__file__).parent / "results"


def module(name):
    """The module of an experiment; ValueError with the known names if there is none."""
    if name not in NAMES:
        raise ValueError(f"there is no experiment named {name!r}; known: {', '.join(NAMES)}")
    return importlib.import_module(f".{name}", __name__)


def load(name, folder=RESULTS, *, known=False):
    """The record of an experiment as a dict; loads neither torch nor the experiment.

    known : do not look the name up in NAMES.

    Keys: experiment, parameters, versions, seconds, complete, summary, runs; each run holds its
    settings, "seconds" and "result".
    """
    if name not in NAMES and not known:
        raise ValueError(f"there is no experiment named {name!r}; known: {', '.join(NAMES)}")
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{name} has no record yet; make it with: python -m optlib.experiments {name}"
        )
    return json.loads(path.read_text())
