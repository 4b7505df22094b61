"""Exercises in which a learner writes tests: the verdict on them.

An implementation is a function with an attribute ``slip``: None for a right one, otherwise the
class of its mistake in a few words.
"""

from optlib_checks.judge import not_yet, passed


def verdict(noun, slips):
    """The ``verdict`` of an exercise whose cases hold one implementation each.

    noun: what is implemented, with a capital if it has one; its plural is made with an s.
    slips: the classes of mistakes, in the order in which a learner is told of them.
    Right implementations must pass the learner's tests; the score is the share of wrong ones
    caught.
    """

    def judge_tests(exercise, answers):
        said = [(next(iter(case.values())).slip, float(value)) for case, (value,) in answers]
        right = [value for slip, value in said if slip is None]
        wrong = [(slip, value) for slip, value in said if slip]
        caught = sum(value != 1 for _, value in wrong)
        if all(value == -1 for value in right):
            return not_yet(
                exercise,
                f"on a right {noun} your tests stop with an error that is no AssertionError. Run "
                "them on your own.",
            )
        if all(value != 1 for value in right):
            return not_yet(exercise, f"your tests reject every {noun}, the right ones too.")
        if any(value != 1 for value in right):
            return not_yet(
                exercise,
                f"your tests reject a right {noun} that differs by rounding alone. Compare with "
                "np.allclose, not with ==.",
            )
        if caught == len(wrong):
            return passed(
                exercise, f"all {caught} wrong {noun}s caught, {len(right)} right ones kept"
            )
        through = [slip for slip in dict.fromkeys(slips) if (slip, 1.0) in wrong]
        return not_yet(
            exercise,
            f"{caught} of {len(wrong)} wrong {noun}s caught. Slipped through: "
            f"{'; '.join(through)}.",
            caught / len(wrong),
        )

    return judge_tests
