"""Run a soak and print what it found: `python -m tests.soak`. Ends with 1 if it found anything."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.chaos import run_soak


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="how long things go wrong")
    parser.add_argument("--seed", type=int, default=1, help="number that all chance follows from")
    parser.add_argument("--folder", type=Path, help="where data and logs are left (else nowhere)")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True)
        report = run_soak(arguments.folder, seconds=arguments.seconds, seed=arguments.seed)
    else:
        with tempfile.TemporaryDirectory(prefix="wuts-soak-") as folder:
            report = run_soak(Path(folder), seconds=arguments.seconds, seed=arguments.seed)
    print(report)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
