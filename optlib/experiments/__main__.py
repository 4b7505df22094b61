"""Run experiments, list them, or check their records: python -m optlib.experiments --help."""

import argparse
import json
import sys

from . import NAMES, RESULTS, module
from .check import check
from .record import execute


def main(arguments=None):
    """Run or check the experiments named on the command line; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m optlib.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--list", action="store_true", help="list the experiments and stop")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--fresh", action="store_true", help="start again, forget the record")
    parser.add_argument("--check", action="store_true", help="repeat a part of each record")
    parser.add_argument("--whole", action="store_true", help="with --check: repeat every run")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no experiment named {name!r}; known: {', '.join(NAMES)}")
    if options.whole and not options.check:
        parser.error("--whole goes with --check")
    if options.check:
        return _check(options.names or NAMES, options.whole, options.jobs)
    if options.list or not options.names:
        for name in NAMES:
            done = "recorded" if (RESULTS / f"{name}.json").exists() else "not yet run"
            print(f"{name:20} {module(name).__doc__.strip().splitlines()[0]} [{done}]")
        return 0
    for name in options.names:
        try:
            record = execute(name, jobs=options.jobs, fresh=options.fresh, progress=True)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{name}: {len(record['runs'])} runs, {record['seconds']} s")
        print(json.dumps(record["summary"], indent=1))
    return 0


def _check(names, whole, jobs):
    wrong = 0
    for name in names:
        try:
            verdict = check(name, whole=whole, jobs=jobs)
        except FileNotFoundError as error:
            print(f"{name:20} {'NO RECORD':10} {error}", flush=True)
            wrong += 1
            continue
        print(verdict, flush=True)
        wrong += bool(verdict.problems)
    print(f"{len(names) - wrong} of {len(names)} records agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
