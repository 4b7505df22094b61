"""The reproduction ledger: what every record says about the claim it was made for.

    ledger.entries()   a list of Entry, in the order of NAMES
    ledger.total()     one sentence: how many claims held
    ledger.overview()  Markdown: one row for each experiment
    ledger.details()   Markdown: claim, source, our number, verdict, criterion, command

All of it is read from the records and the modules' ``claims``; nothing is typed here.
"""

from dataclasses import dataclass

from . import NAMES, RESULTS, load, module
from .record import Claim

VERDICTS = {True: "reproduced", False: "not reproduced"}
OWN = {True: "true", False: "false"}  # of a question that is ours


@dataclass(frozen=True)
class Entry:
    """One experiment of the ledger.

    criteria : {name: text}. fixed : when that was. after : what was not fixed then, "" if all was.
    pilot : what was known by then, "" if nothing is on record.
    """

    name: str
    chapter: str | None
    question: str
    claims: list
    criteria: dict
    fixed: str
    after: str
    pilot: str
    runs: int
    seconds: float

    @property
    def held(self):
        """How many of the claims held, in words; in part : under a condition that is named."""
        whole = sum(claim.verdict is True for claim in self.claims)
        part = sum(isinstance(claim.verdict, str) for claim in self.claims)
        return f"{whole} of {len(self.claims)}{f', {part} in part' if part else ''}"


def entry(name, folder=RESULTS):
    """The Entry of one record; FileNotFoundError if there is none."""
    record, experiment = load(name, folder), module(name)
    parameters = record["parameters"]
    if hasattr(experiment, "claims"):
        claims = experiment.claims(record["summary"])
    else:
        claims = [Claim(record["question"], "ours", "see the record", "no verdict")]
    return Entry(
        name,
        getattr(experiment, "CHAPTER", None),
        record["question"],
        claims,
        {key: text for key, text in parameters.items() if key.startswith("criterion")},
        parameters.get("fixed", "before the runs"),
        getattr(experiment, "NOT_FIXED_BEFORE", parameters.get("changed", "")),
        getattr(experiment, "PILOT", parameters.get("pilot", "")),
        len(record["runs"]),
        record["seconds"],
    )


def entries():
    """Every record of the book."""
    return [entry(name) for name in NAMES if (RESULTS / f"{name}.json").exists()]


def verdict(claim):
    """The verdict of a claim in words."""
    if claim.words:
        return claim.words
    if isinstance(claim.verdict, str):
        return claim.verdict
    return (OWN if claim.source.startswith("ours") else VERDICTS)[claim.verdict]


def total(found=None):
    """How many claims, and how many of them held, in one sentence."""
    found = found or entries()
    verdicts = [claim.verdict for e in found for claim in e.claims]
    held, failed = verdicts.count(True), verdicts.count(False)
    return (
        f"{len(found)} experiments, {len(verdicts)} claims: {held} held, {failed} did not, "
        f"{len(verdicts) - held - failed} held in part; "
        f"{sum(e.runs for e in found):,} runs, {sum(e.seconds for e in found) / 60:.0f} minutes of "
        "one core."
    )


def overview(found=None):
    """A Markdown table: experiment (linked to its entry), chapter, claims that held, runs, time."""
    lines = [
        "| experiment | chapter | claims that held | runs | minutes |",
        "|---|---|---|---|---|",
    ]
    for e in found or entries():
        name = f"[{e.name}](ledger-{e.name})"
        cells = (name, _link(e), e.held, f"{e.runs:,}", f"{e.seconds / 60:.1f}")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def details(found=None):
    """Markdown: a paragraph and a list for each experiment."""
    parts = []
    for e in found or entries():
        parts.append(f"(ledger-{e.name})=\n**{e.question}** `{e.name}`, Chapter {_link(e)}")
        for claim in e.claims:
            source = "" if claim.source == "ours" else f" ({claim.source})"
            text = f"*Claim:* {claim.claim.rstrip('.')}{source}. *Measured:* {claim.measured}."
            words = verdict(claim)
            parts.append(f"- **{words[0].upper()}{words[1:]}.** {text}")
        for text in e.criteria.values():
            said = e.after or "fixed after" in text or "fixed before" in text
            parts.append(f"- Criterion{'' if said else f', fixed {e.fixed}'}: {text}.")
        parts += [f"- Not fixed before the runs: {e.after}."] if e.after else []
        parts += [f"- Known by then: {e.pilot}."] if e.pilot else []
        parts.append(
            f"- `python -m optlib.experiments {e.name} --fresh` makes the {e.runs} runs again "
            f"({e.seconds:.0f} s of one core)."
        )
    return "\n\n".join(parts)


def _link(e):
    if e.chapter is None:
        return "–"
    return f"[{int(e.chapter[:2])}]({e.chapter}.ipynb)"
