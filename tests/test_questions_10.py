"""The questions of Chapter 10, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says

from optlib import experiments, schedules
from optlib.live.schedule_designer import best_rate, effect

CHAPTER = chapter_questions("10_*.ipynb")
RECOMPUTED = {}
T = 1000


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def final(make, average="none", **given):
    """The expected loss after T steps at the best step size of the chapter's grid."""
    t = np.arange(1, T + 1)

    def rates(peaks):
        return np.column_stack([make(lr=p, **given)(t) for p in peaks])

    return best_rate(rates, (1e-3, 1.9), average)[1]


@recomputes("predict-sch-order")
def order(question):
    half, three_quarters = T // 2, 3 * T // 4
    losses = {
        "constant": final(schedules.constant),
        "steps": final(schedules.multi_step, milestones=(half, three_quarters)),
        "1/sqrt(t)": final(schedules.inverse_sqrt, decay=20 / T),
        "1/t": final(schedules.inverse_t, decay=20 / T),
        "wsd": final(schedules.wsd, steps=T, warmup=0, cooldown=T // 5),
        "cosine": final(schedules.cosine, steps=T),
        "line": final(schedules.polynomial, steps=T),
    }
    assert sorted(losses, key=losses.get)[:3] == ["line", "cosine", "1/t"]
    says(question, "**third**", *(f"{losses[k]:.4f}" for k in ("line", "cosine", "1/t")))


@recomputes("q-sch-bound")
def bound(question):
    curvature, steps = 0.1, 500
    rate = 1 / (curvature * np.arange(1, steps + 1))
    loss = effect(rate, curvatures=(curvature,), start=0)[0][-1]
    assert loss == pytest.approx(1 / (2 * curvature * steps))
    mean_square = 2 * loss / curvature
    numbers_are(question, loss, mean_square, curvature / (2 * steps), 2 * loss)
    for shape in (0.5, 2.0):  # neither a slower nor a faster decay is better
        other = rate[0] / np.arange(1, steps + 1) ** shape
        assert effect(other, curvatures=(curvature,), start=0)[0][-1] > loss


@recomputes("q-sch-length")
def length(question):
    run = schedules.cosine(lr=0.1, steps=T)
    assert [run(t) for t in range(T + 1, 1501)] == [0] * 500
    assert [o.label for o in question.options if o.right][0].startswith("Nothing")
    of_torch = schedules.cosine_torch(lr=0.1, steps=T)
    assert of_torch(1501) == pytest.approx(0.05), "halfway back"
    says(option(question, "smallest positive"), "2.5\\cdot10^{-7}")
    assert f"{run(T):.1e}" == "2.5e-07"
    assert schedules.cosine_restarts(lr=0.1, steps=T)(T + 1) == 0.1


@recomputes("q-sch-ramp")
def ramp(question):
    after = schedules.constant(lr=0.2)
    rise = schedules.warmup(after=after, steps=100)
    from_zero = schedules.warmup_from(after=after, steps=100)
    of_torch = schedules.warmup_from(after=after, steps=100, start=1 / 3)
    numbers_are(question, rise(1), from_zero(1), rise(100), of_torch(1))
    assert rise(99) < 0.2


@recomputes("q-sch-weights")
def weights(question):
    steps, k = 1000, 751
    late = range(steps // 2 + 1, steps + 1)
    share = sum(point >= k for point in late) / len(late)
    of_all = sum(point >= k for point in range(1, steps + 1)) / steps
    numbers_are(question, share, 1, of_all, 1 / len(late))
    says(option(question, "1 ±"), "step 501")
    says(option(question, "0.5"), "250 of the 500")


@recomputes("q-sch-warmup")
def warmup(question):
    assert final(schedules.warmup_linear, steps=T, warmup=100) > final(
        schedules.warmup_linear, steps=T, warmup=0
    )
    assert not option(question, "quadratic").right
    summary = experiments.load("warmup_range")["summary"]
    found = {v["scale"]: v for v in summary["verdicts"] if v["method"] == "gradient_descent"}
    sharp, flat = (option(question, words) for words in ("three times", "from torch's"))
    assert sharp.right == (found[3]["widens"] and found[3]["pays"]) and sharp.right
    assert flat.right == (found[1]["widens"] or found[1]["pays"]) and not flat.right
    says(sharp, f"{summary['sharpness_at_start']['3']:.1f}", f"{found[3]['loss_ratio'][0]:.2f}")
    assert found[3]["wider"] == 2
    says(flat, f"{summary['sharpness_at_start']['1']:.2f}")
    assert not option(question, "resumed").right


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
