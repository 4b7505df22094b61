"""The instructor's commands: `python -m optlib_grading COMMAND …`"""

import argparse
import sys
from pathlib import Path

from optlib_grading import course, sandbox


def assignment(arguments):
    """the student version of a chapter's exercises"""
    path = course.release(arguments.chapter, arguments.out)
    if arguments.checks:
        course.add_checks(path.parent)
    print(f"{path} is ready to hand out.")


def grade(arguments):
    """grade a folder of submissions"""
    from optlib_grading import batch, gradebook

    due = gradebook.due_date(arguments.due) if arguments.due else None
    records, totals = batch.grade(
        arguments.submissions,
        arguments.out,
        chapter=arguments.chapter,
        url=arguments.db,
        jobs=arguments.jobs,
        dask=arguments.dask,
        due=due,
        percent=arguments.late,
        student=arguments.student,
        exercise=arguments.exercise,
    )
    out = Path(arguments.out)
    broken = [record for record in records if record["problem"]]
    for record in broken:
        print(f"  {record['student']}: {record['problem']}")
    points = sorted(total.points for total in totals.values())
    middle = f", median {points[len(points) // 2]:g} points" if points else ""
    print(f"{len(records)} submissions{middle}, {len(broken)} of them not gradable.")
    print(f"Open {out / 'index.html'}; the table is {out / 'grades.csv'}.")


def execute(arguments):
    """run a whole notebook in a sandboxed kernel, for its plots"""
    from optlib_grading import kernel

    kernel.execute(arguments.notebook, arguments.executed)
    print(f"{arguments.executed} holds the outputs.")


def gradescope(arguments):
    """the autograder archive of a chapter for Gradescope"""
    from optlib_grading import gradescope

    print(f"{gradescope.archive(arguments.chapter, arguments.out)} is ready to upload.")


def samples(arguments):
    """ten submissions to try the grading on"""
    from optlib_grading import samples

    count = len(samples.write(arguments.chapter, arguments.out))
    print(f"{count} submissions are in {arguments.out}.")


def whole(text):
    """A whole number; None for what make passes when nothing was given."""
    return int(text) if text else None


def number(text):
    """A number, or None."""
    return float(text) if text else None


def parser():
    top = argparse.ArgumentParser(prog="optlib_grading", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(function, **options):
        sub = commands.add_parser(function.__name__, help=function.__doc__)
        sub.set_defaults(function=function)
        for name, about in options.items():
            sub.add_argument(f"--{name}", **about)
        return sub

    chapter = {"required": True, "help": "its number or name: 7, 07, 07_adam"}
    out = {"required": True, "help": "the folder to write to"}
    checks = {"action": "store_true", "help": "put the package optlib_checks beside it"}
    add(assignment, chapter=chapter, out=out, checks=checks)
    add(
        grade,
        submissions={"required": True, "help": "a folder with one folder or notebook a student"},
        out=out,
        chapter={"help": "found out from the notebooks if not given"},
        db={"help": "URL of the gradebook; OUT/gradebook.db if not given"},
        jobs={"type": whole, "help": "processes on this machine"},
        dask={"help": "address of a Dask scheduler, tcp://…"},
        due={"help": "such as '2026-12-01 18:00 UTC'"},
        late={"type": number, "help": "percent taken off for each day begun"},
        student={"help": "grade this student again"},
        exercise={"help": "grade this exercise again"},
    )
    add(gradescope, chapter=chapter, out=out)
    add(samples, chapter=chapter, out=out)
    sub = add(execute)
    sub.add_argument("notebook", help="a submitted notebook")
    sub.add_argument("executed", help="the notebook with outputs to write")
    return top


def main(arguments=None):
    """Run a command. Returns the exit status; a failure is one message, not a traceback."""
    arguments = parser().parse_args(arguments)
    for name, value in vars(arguments).items():
        if value == "":
            setattr(arguments, name, None)
    for name in ("submissions", "chapter", "out"):
        required = name != "chapter" or arguments.function is not grade
        if required and getattr(arguments, name, "given") is None:
            print(f"{name.upper()}=… is missing.", file=sys.stderr)
            return 1
    try:
        arguments.function(arguments)
    except (sandbox.Unavailable, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
