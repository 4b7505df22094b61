"""Does a record still hold? What `python -m optlib.experiments --check` does.

Four comparisons, each of which names the value it fails on:

1. the record's parameters are the module's, to the last digit;
2. its runs are those of the module's plan, each once;
3. its summary is what the module makes of its runs, within SUMMARY;
4. a few of its runs, carried out again, give the numbers recorded, within RUNS.

On the kind of processor that made the record the fourth agrees to all six digits kept. Another one
adds in another order, and a run multiplies that difference with every step: RUNS leaves room for
it, and a module's ``shorten`` cuts runs to their first steps, or leaves out those that rounding
rules from early on, as it does at the edge of stability. Out of sight remain a number that is off
by less than the tolerance, and one in a run that is not repeated and does not move the summary;
``--whole`` repeats every run at full length, for the processor that made them.
"""

import json
import time
from dataclasses import dataclass, field

from . import RESULTS, load, module
from .record import _carry_out, _settings, tidy

SUMMARY = 1e-5  # relative; six digits are kept
RUNS = 1e-3  # relative
SMALLEST = 1e-7  # absolute, in both: a loss in float32 is no finer
COUNT = 3  # runs of a record to repeat
SECONDS = 1.5  # a run recorded as longer is not chosen, if the module has no `shorten`
SHOWN = 5  # disagreements printed


@dataclass
class Verdict:
    """What a check found. problems : one line for each disagreement. largest : relative."""

    name: str
    runs: int
    problems: list = field(default_factory=list)
    repeated: int = 0
    in_part: bool = False
    largest: float = 0.0
    seconds: float = 0.0

    def __str__(self):
        state = "DISAGREES" if self.problems else "agrees"
        moved = f"numbers within {self.largest:.0e}" if self.largest else "all digits equal"
        part = f"{self.repeated} of {self.runs} runs repeated"
        part += f"{' in part' if self.in_part else ''}, {moved}" if self.repeated else ""
        line = f"{self.name:20} {state:10} {part}; {self.seconds:.1f} s"
        more = len(self.problems) - SHOWN
        shown = self.problems[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        return "\n".join([line, *(f"    {problem}" for problem in shown)])


def check(name, *, whole=False, jobs=None, folder=RESULTS, experiment=None):
    """Compare the record folder/NAME.json with its experiment -> Verdict.

    whole : repeat every run at full length, not a few of them in part. jobs : joblib processes.
    experiment : the module, if it is not in NAMES. FileNotFoundError if there is no record.
    """
    start = time.perf_counter()
    record = load(name, folder, known=experiment is not None)
    experiment = experiment or module(name)
    runs = record["runs"]
    verdict = Verdict(name, len(runs))
    parameters = tidy(experiment.PARAMETERS)
    verdict.problems += differences("parameters", record["parameters"], parameters)
    verdict.problems += _against_plan(experiment, runs)
    if not verdict.problems:  # a summary of other runs, or for other parameters, says nothing
        summary = tidy(experiment.summary(runs))
        verdict.problems += differences("summary", record["summary"], summary, SUMMARY, SMALLEST)
        _repeat(verdict, experiment, runs, whole, jobs)
    verdict.seconds = time.perf_counter() - start
    return verdict


def _against_plan(experiment, runs):
    """Runs that are missing, that nobody planned, or that are there twice."""
    known = [_text(_settings(run)) for run in runs]
    planned = [_text(settings) for settings in experiment.plan(runs)]
    found = [f"run {k}: in the record, not in the plan" for k in known if k not in planned]
    found += [f"run {k}: in the plan, not in the record" for k in planned if k not in known]
    twice = {k for k in known if known.count(k) > 1}
    return found + [f"run {k}: recorded twice" for k in sorted(twice)]


def _repeat(verdict, experiment, runs, whole, jobs):
    """Carry out some runs again; note every number that differs."""
    shorten = None if whole else getattr(experiment, "shorten", None)
    chosen = runs if whole else choose(runs, shorten)
    parts = [shorten(run) if shorten else (_settings(run), run["result"]) for run in chosen]
    again = {
        _text(_settings(run)): run["result"]
        for run in _carry_out(experiment, [settings for settings, _ in parts], jobs)
    }
    for run, (settings, expected) in zip(chosen, parts):
        found = again[_text(settings)]
        if shorten:
            found = {key: _as_long(found[key], old) for key, old in expected.items()}
        label = f"run {_text(_settings(run))}, result"
        verdict.problems += differences(label, expected, found, RUNS, SMALLEST)
        verdict.largest = max(verdict.largest, _distance(expected, found))
    verdict.repeated, verdict.in_part = len(chosen), shorten is not None


def choose(runs, shorten=None):
    """COUNT runs from all over the plan: those that shorten takes.

    Without shorten, none that diverged and none recorded as longer than SECONDS, or if every run
    is longer, those of the shorter half.
    """
    if shorten is not None:
        usable = [run for run in runs if shorten(run) is not None]
    else:
        usable = [run for run in runs if run["result"].get("diverged") is None] or runs
        middle = sorted(run["seconds"] for run in usable)[len(usable) // 2]
        usable = [run for run in usable if run["seconds"] <= max(SECONDS, middle)]
    count = min(COUNT, len(usable))
    return [usable[(2 * k + 1) * len(usable) // (2 * count)] for k in range(count)]


def differences(label, recorded, now, relative=0.0, absolute=0.0):
    """Where two values made of dicts, lists and numbers differ: lines "label.key[2]: …"."""
    at = (relative, absolute)
    if isinstance(recorded, dict) and isinstance(now, dict):
        keys = [*recorded, *(key for key in now if key not in recorded)]
        none = "nothing"
        pairs = [(f"{label}.{key}", recorded.get(key, none), now.get(key, none)) for key in keys]
        return [line for pair in pairs for line in differences(*pair, *at)]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        pairs = [(f"{label}[{k}]", *pair) for k, pair in enumerate(zip(recorded, now))]
        return [line for pair in pairs for line in differences(*pair, *at)]
    if _number(recorded) and _number(now):
        room = absolute + relative * max(abs(recorded), abs(now))
        same = abs(recorded - now) <= room
    else:
        same = type(recorded) is type(now) and recorded == now
    return [] if same else [f"{label}: recorded {_short(recorded)}, now {_short(now)}"]


def _distance(recorded, now):
    """The largest relative difference of two numbers in the same place, above SMALLEST."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        recorded, now = list(recorded.values()), [now.get(key) for key in recorded]
    if isinstance(recorded, list) and isinstance(now, list):
        return max((_distance(a, b) for a, b in zip(recorded, now)), default=0.0)
    if not (_number(recorded) and _number(now)) or abs(recorded - now) <= SMALLEST:
        return 0.0
    return abs(recorded - now) / max(abs(recorded), abs(now))


def _as_long(found, expected):
    """The first values of a list, as many as are expected; anything else as it is."""
    return found[: len(expected)] if isinstance(expected, list) else found


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(settings):
    return json.dumps(settings, sort_keys=True)


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
