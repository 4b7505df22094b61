"""The judge: runs an exercise's random cases, compares the answers and names the mistake.

The judge never touches a learner's object. It hands each case to ``call(case)``, which returns
float64 arrays or raises `Refused` with a sentence. `optlib_checks.answers` has the ``call`` that
runs in the same process; a grader may supply one that asks a sandbox instead.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np


class Refused(Exception):
    """An answer that is not numbers of the right kind. The text is the sentence to show."""


@dataclass(frozen=True)
class Result:
    """What a check found: whether it passed, a score in [0, 1] and one line of text."""

    name: str
    passed: bool
    line: str
    score: float

    def __bool__(self):
        return self.passed

    def __repr__(self):
        return self.line


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: the reference with ``change`` applied, and what to tell the learner."""

    change: dict
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: data and small pure functions.

    name: the function or variable the learner writes; ``check`` is called with it.
    reads: what the learner hands in: "function", "numbers", "array", "choice" or "tests".
    returns: the names of the arrays in an answer.
    reference: the right answer; takes a case's values in order and, by keyword, the ``change``
        of a `Mistake`. Returns a tuple of arrays, one for each name in ``returns``.
    cases: ``cases(rng)`` yields dicts, argument name -> number, array or function. Functions
        stay on the judge's side; a sandbox calls them through a proxy.
    corners: ``(description, case)`` pairs, judged only once every random case is right.
    options: for "choice", the labels among which the learner chooses.
    verdict: ``verdict(exercise, answers) -> Result`` for exercises that are not decided by
        comparison with the reference. ``answers`` is a list of ``(case, arrays)``.
    rtol, atol: an answer a is right if |a - reference| <= atol + rtol |reference|.
    slips: how many mistakes at once the judge looks for.
    shape: of every array in an answer, where there is but one right shape; another is refused at
        its first case, before many large arrays pile up.
    """

    name: str
    reads: str
    returns: tuple[str, ...]
    reference: Callable
    cases: Callable[[np.random.Generator], Iterable[dict]] = lambda rng: [{}]
    corners: tuple[tuple[str, dict], ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    options: tuple[str, ...] = ()
    verdict: Callable | None = None
    rtol: float = 1e-9
    atol: float = 1e-12
    slips: int = 2
    shape: tuple[int, ...] | None = None


def numbers(name, answer, mistakes, *, rtol=2e-3, atol=0.0):
    """An exercise whose answer is one number or several.

    answer: dict of component name -> right value, in the order the learner gives them.
    mistakes: pairs of a dict of the components that come out wrong, and the hint.
    rtol: the default accepts answers rounded to three digits.
    """

    def reference(**change):
        return tuple(np.asarray(value, dtype=float) for value in (answer | change).values())

    return Exercise(
        name=name,
        reads="numbers",
        returns=tuple(answer),
        reference=reference,
        mistakes=tuple(Mistake(change, hint) for change, hint in mistakes),
        rtol=rtol,
        atol=atol,
    )


def choice(name, options):
    """An exercise whose answer is a set of labels.

    options: dict of label -> (whether it belongs to the answer, what to say when it is wrong).
    """
    labels = tuple(options)
    right = {label: float(belongs) for label, (belongs, _) in options.items()}

    def reference(**change):
        return (np.array([(right | change)[label] for label in labels]),)

    return Exercise(
        name=name,
        reads="choice",
        returns=("choice",),
        reference=reference,
        mistakes=tuple(
            Mistake({label: 1.0 - right[label]}, hint) for label, (_, hint) in options.items()
        ),
        options=labels,
        slips=len(labels),
    )


def judge(exercise, call, seed=0):
    """Judge one answer.

    call: ``call(case) -> tuple of float64 arrays``; raises `Refused` for anything else.
    seed: of the random cases.
    Returns a `Result`. Never raises on account of the answer.
    """
    rng = np.random.default_rng(seed)
    answers = []
    try:
        for case in exercise.cases(rng):
            answers.append((case, _arrays(exercise, call(case))))
    except Refused as refusal:
        return not_yet(exercise, str(refusal))
    with np.errstate(all="ignore"):
        result = (exercise.verdict or compare)(exercise, answers)
        return _corners(exercise, call, len(answers)) if result and exercise.corners else result


def passed(exercise, remark=""):
    """The `Result` of a right answer."""
    return Result(exercise.name, True, f"passed: {exercise.name}" + (remark and f", {remark}"), 1.0)


def not_yet(exercise, sentence, score=0.0):
    """The `Result` of an answer that is not right yet, with the reason."""
    return Result(exercise.name, False, f"not yet: {sentence}", score)


def compare(exercise, answers):
    """Compare every answer with the reference and look failures up among the known mistakes."""
    failures = [(case, got) for case, got in answers if not _right(exercise, case, got)]
    if not failures:
        cases = f"{len(answers)} random cases" if len(answers) > 1 else ""
        return passed(exercise, cases)
    return not_yet(exercise, known_mistake(exercise, failures) or _describe(exercise, failures))


def known_mistake(exercise, failures):
    """The hint of the fewest known mistakes that together explain every failing case, or None."""
    for count in range(1, exercise.slips + 1):
        for mistakes in combinations(exercise.mistakes, count):
            change = {key: value for m in mistakes for key, value in m.change.items()}
            if all(_right(exercise, case, got, change) for case, got in failures):
                more = ("", " A second slip hides behind it.", " Two more slips hide behind it.")
                many = f" {count - 1} more slips hide behind it."
                return mistakes[0].hint + (more[count - 1] if count <= 3 else many)
    return None


def same(got, want, rtol, atol):
    """Whether two arrays have one shape and agree; nan equals nan, as in a catalogue entry."""
    return got.shape == np.shape(want) and np.allclose(
        got, want, rtol=rtol, atol=atol, equal_nan=True
    )


def _right(exercise, case, got, change=None):
    want = exercise.reference(*case.values(), **(change or {}))
    return all(same(g, w, exercise.rtol, exercise.atol) for g, w in zip(got, want))


def _arrays(exercise, got):
    """Hold ``call`` to its word: exactly the expected number of plain float64 arrays."""
    plain = isinstance(got, tuple) and all(
        type(array) is np.ndarray and array.dtype == np.float64 for array in got
    )
    if not plain or len(got) != len(exercise.returns):
        raise Refused("the answer did not arrive as plain numbers.")
    for name, array in zip(exercise.returns, got):
        if exercise.shape is not None and array.shape != exercise.shape:
            raise Refused(f"{name} has shape {array.shape}; it should have {exercise.shape}.")
    return got


def _corners(exercise, call, count):
    for description, case in exercise.corners:
        try:
            got = _arrays(exercise, call(case))
        except Refused as refusal:
            return not_yet(exercise, f"right, except for {description}: {refusal}")
        if not _right(exercise, case, got):
            return not_yet(exercise, f"right, except for {description}.")
    return passed(exercise, f"{count} random cases and {len(exercise.corners)} at the corners")


def _describe(exercise, failures):
    """What can be said of a wrong answer that no known mistake explains."""
    wants = [exercise.reference(*case.values()) for case, _ in failures]
    if exercise.reads == "numbers":
        return _describe_numbers(exercise, failures[0][1], wants[0])
    wrong = []
    for (case, got), want in zip(failures, wants):
        for name, g, w in zip(exercise.returns, got, want):
            if g.shape != w.shape:
                return f"{name} has shape {g.shape}; it should have {w.shape}{where(case)}."
            if not np.isfinite(g).all():
                kind = "nan" if np.isnan(g).any() else "inf"
                return f"{name} holds {kind}{where(case)}."
            if name not in wrong and not same(g, w, exercise.rtol, exercise.atol):
                wrong.append(name)
    if all(
        same(g, w, 1e-4, 1e-6) for (_, got), want in zip(failures, wants) for g, w in zip(got, want)
    ):
        return "right to four digits only. A rounded constant, or float32?"
    good = [name for name in exercise.returns if name not in wrong]
    but = f", {_list(good)} {'is' if len(good) == 1 else 'are'} right" if good else ""
    return f"{_list(wrong)} {'differs' if len(wrong) == 1 else 'differ'} from the reference{but}."


def _describe_numbers(exercise, got, want):
    wrong = [
        n
        for n, g, w in zip(exercise.returns, got, want)
        if not same(g, w, exercise.rtol, exercise.atol)
    ]
    if not all(np.isfinite(g) for g in got):
        return "nan and inf are not numbers that can be right here."
    # Two slips in two components: say the first, as the learner will mend one at a time.
    for mistake in exercise.mistakes:
        explained = [n for n in mistake.change if n in wrong]
        values = dict(zip(exercise.returns, got))
        if explained == list(mistake.change) and all(
            same(values[n], mistake.change[n], exercise.rtol, exercise.atol) for n in explained
        ):
            return mistake.hint
    if len(exercise.returns) == 1:
        return "not this number, and not one of the usual slips."
    good = [n for n in exercise.returns if n not in wrong]
    but = f"; {_list(good)} {'is' if len(good) == 1 else 'are'} right" if good else ""
    return f"{_list(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong{but}."


def where(case):
    """Which case it was, in a few words: the shape of its first array."""
    for name, value in case.items():
        if isinstance(value, np.ndarray):
            return f" for {name} of shape {value.shape}"
    return ""


def _list(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
