"""``check(...)``: the learner's side of the judge. Nothing is stored and nothing is sent."""

from difflib import get_close_matches

from optlib_checks import ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09, ch10, ch11
from optlib_checks.answers import caller, clean
from optlib_checks.judge import Refused, Result, judge, not_yet

CHAPTERS = (ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09, ch10, ch11)
EXERCISES = {exercise.name: exercise for chapter in CHAPTERS for exercise in chapter.EXERCISES}
_MISSING = object()


def check(name, answer=_MISSING, *, seed=0):
    """Check an answer and say in one line what is right or wrong with it.

    ``check(adam)`` for a function that bears the exercise's name; ``check("adam", f)`` for one
    that does not; ``check("step_sizes", value)`` for numbers, choices and arrays.
    seed: of the random cases; the same seed gives the same line.
    Returns a `Result`, which is true if the answer is right and prints as the line. Never
    raises on account of an answer.
    """
    if answer is _MISSING:
        name, answer = _name_of(name), name
        if name is None or isinstance(answer, str):
            return _unknown(answer)
    exercise = EXERCISES.get(name) if isinstance(name, str) else None
    if exercise is None:
        return _unknown(name)
    try:
        return judge(exercise, caller(exercise, answer), seed)
    except Refused as refusal:
        return not_yet(exercise, str(refusal))


def _name_of(answer):
    if isinstance(answer, str):
        return answer
    names = (getattr(answer, "__name__", None), getattr(answer, "name", None))
    return next((name for name in names if isinstance(name, str)), None)


def _unknown(name):
    text = _name_of(name)
    if text in EXERCISES:
        line = f'hand in your answer too: check("{text}", {text})'
    elif text is None:
        line = 'say which exercise it is: check("name", answer)'
    else:
        near = get_close_matches(text, EXERCISES, n=1)
        line = f"there is no exercise named {clean(text, 40)}" + (
            f"; did you mean {near[0]}?" if near else f"; there are {', '.join(EXERCISES)}."
        )
    return Result("", False, line, 0.0)
