"""Write constraints.txt from what .venv holds: `.venv/bin/python tools/pins.py`

Run it after a change in the requirement files, in a .venv that the tests have passed in.
"""

import importlib.metadata
import re

from steps import ROOT, main

OURS = "step-by-step"
# what pip itself brings, and packages that only some machines need
NOT_PINNED = {"pip", "wheel", OURS}


def command():
    pins = {}
    for package in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        if name not in NOT_PINNED:
            pins[name] = package.version.split("+")[0]  # torch's +cpu is not to be had everywhere
    lines = [f"{name}=={version}" for name, version in sorted(pins.items())]
    head = "# Written by tools/pins.py: every package of a .venv in which the tests passed."
    (ROOT / "constraints.txt").write_text("\n".join([head, *lines]) + "\n")
    print(f"constraints.txt: {len(lines)} packages")


if __name__ == "__main__":
    main(command)
