"""python -m optlib.experiments NAME [--jobs N] [--fresh], or --list."""

import argparse
import json
import sys

from . import NAMES, RESULTS, module
from .record import execute


def main(arguments=None):
    """Run the experiments named on the command line; 0 if all are complete."""
    parser = argparse.ArgumentParser(prog="python -m optlib.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--list", action="store_true", help="list the experiments and stop")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--fresh", action="store_true", help="start again, forget the record")
    options = parser.parse_args(arguments)
    if options.list or not options.names:
        for name in NAMES:
            done = "recorded" if (RESULTS / f"{name}.json").exists() else "not yet run"
            print(f"{name:20} {module(name).__doc__.strip().splitlines()[0]} [{done}]")
        return 0
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no experiment named {name!r}; known: {', '.join(NAMES)}")
    for name in options.names:
        try:
            record = execute(name, jobs=options.jobs, fresh=options.fresh, progress=True)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{name}: {len(record['runs'])} runs, {record['seconds']} s")
        print(json.dumps(record["summary"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
