"""What a class gets to see: a table, JSON, and a page for each student.

Whatever a student wrote is escaped where it is put, and control characters are taken out.
"""

import csv
import html
import json
from dataclasses import dataclass
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 0; }
table { border-collapse: collapse; } td, th { padding: .2rem 1rem .2rem 0; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; border-radius: 4px; }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


@dataclass(frozen=True)
class Total:
    """A student's points in the gradebook, manual ones included, and what lateness costs."""

    score: float
    penalty: float

    @property
    def points(self):
        return round(self.score - self.penalty, 2)


def write(folder, assignment, records, totals):
    """Write grades.csv, grades.json, index.html and feedback/KEY.html into a folder."""
    folder = Path(folder)
    rows = [row(record, totals[record["student"]], assignment) for record in records]
    write_table(folder / "grades.csv", rows)
    save(folder / "grades.json", json.dumps(rows, indent=1, ensure_ascii=False))
    (folder / "feedback").mkdir(exist_ok=True)
    for record, entry in zip(records, rows):
        save(folder / "feedback" / f"{record['key']}.html", feedback(assignment, record, entry))
    save(folder / "index.html", overview(assignment, records, rows))


def row(record, total, assignment):
    """A student's row of the table, as a dict."""
    points = {mark["exercise"]: mark["points"] for mark in record["marks"]}
    return {
        "student": record["student"],
        "assignment": assignment.name,
        "points": total.points,
        "out_of": assignment.points,
        "late_penalty": total.penalty,
        "handed_in": record["time"] or "",
        "note": record["problem"] or record["note"],
        **{item.exercise: points.get(item.exercise, 0.0) for item in assignment.items},
    }


def write_table(path, rows):
    """A CSV file that no spreadsheet takes for formulas."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0] if rows else ["student"])
        table.writeheader()
        table.writerows({name: cell(value) for name, value in entry.items()} for entry in rows)


def cell(value):
    """A value for a spreadsheet: text that could be read as a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    text = "".join(c if c.isprintable() else " " for c in value)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def feedback(assignment, record, entry):
    """A student's page: points, the line of each exercise, and the answer that was graded."""
    marks = {mark["exercise"]: mark for mark in record["marks"]}
    parts = [f"<p>{say(record['student'])}: <b>{entry['points']:g} of {entry['out_of']:g}</b></p>"]
    if entry["late_penalty"]:
        late = f"{entry['late_penalty']:g} points were taken off for lateness"
        parts.append(f"<p>{late} (handed in {say(record['time'])}).</p>")
    if entry["note"]:
        parts.append(f"<p>{say(entry['note'])}</p>")
    for item in assignment.items:
        mark = marks.get(item.exercise)
        got, line = (mark["points"], mark["line"]) if mark else (0, "not graded")
        parts.append(f"<h2>{say(item.title)}: {got:g} of {item.points:g}</h2><p>{say(line)}</p>")
        answer = record["answers"].get(item.exercise)
        parts.append(f"<pre>{say(answer, lines=True)}</pre>" if answer else "")
    return PAGE.format(title=say(assignment.name), style=STYLE, body="\n".join(parts))


def overview(assignment, records, rows):
    """The instructor's page: every student with points and a link to the feedback."""
    lines = ["<tr><th>student<th class=n>points<th>note</tr>"]
    for record, entry in zip(records, rows):
        link = f'<a href="feedback/{record["key"]}.html">{say(record["student"])}</a>'
        lines.append(f"<tr><td>{link}<td class=n>{entry['points']:g}<td>{say(entry['note'])}</tr>")
    body = f"<p>out of {assignment.points:g}</p><table>{''.join(lines)}</table>"
    return PAGE.format(title=say(assignment.name), style=STYLE, body=body)


def say(text, lines=False):
    """Any text as harmless HTML."""
    allowed = "\n\t" if lines else ""
    return html.escape("".join(c if c.isprintable() or c in allowed else " " for c in str(text)))


def save(path, text):
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8", errors="replace")
    partial.replace(path)
