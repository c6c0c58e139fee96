"""Measure and print: `python -m tests.bench`. Ratios count; the bare figures are this machine's."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.archives import describe_archives, measure_archives
from tests.bench.batches import describe_batches, measure_batches
from tests.bench.comparison import compare
from tests.bench.deliveries import describe_deliveries, measure_deliveries
from tests.bench.devices import describe_devices, measure_devices
from tests.bench.lists import describe_lists, measure_lists
from tests.bench.plain import describe_plain, measure_plain
from tests.bench.plan import Plan, build_plan
from tests.bench.restore import describe_restore, measure_restore
from tests.bench.threads import describe_threads, measure_threads


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the benchmark: it gets a folder and the plan, and its result becomes lines."""

    measure: Callable[[Path, Plan], Any]
    describe: Callable[[Any], Sequence[str]]


SECTIONS: Mapping[str, Section] = {
    "archives": Section(measure_archives, describe_archives),
    "batches": Section(measure_batches, describe_batches),
    "plain": Section(measure_plain, describe_plain),
    "devices": Section(measure_devices, describe_devices),
    "threads": Section(measure_threads, describe_threads),
    "lists": Section(measure_lists, describe_lists),
    "deliveries": Section(measure_deliveries, describe_deliveries),
    "restore": Section(measure_restore, describe_restore),
}


def main() -> None:
    """Read the arguments, measure, print."""
    arguments = read_arguments()
    plan = build_plan(
        is_quick=arguments.quick,
        seconds=arguments.seconds,
        devices=arguments.devices,
        binaries=arguments.binaries,
    )
    results = measure_all(arguments.only or list(SECTIONS), plan)
    if arguments.json:
        machine = {"processors": os.cpu_count(), "python": platform.python_version()}
        shown = {name: to_json(result) for name, result in results.items()}
        print(json.dumps({"machine": machine, **shown, "comparison": compare(results)}, indent=2))
    else:
        print("\n".join(describe(results)))


def read_arguments() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a report")
    parser.add_argument("--quick", action="store_true", help="a short look, not for comparison")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these sections alone")
    parser.add_argument("--seconds", type=float, default=3, help="length of each measurement")
    parser.add_argument("--devices", type=int, default=500, help="devices to restore")
    parser.add_argument("--binaries", type=Path, default=Path(".build"), help="where waseed is")
    return parser.parse_args()


def measure_all(names: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Measure section after section; which one it is, is told on the standard error."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="wuts-bench-") as folder:
        for name in names:
            print(f"measuring {name}", file=sys.stderr)
            place = Path(folder) / name
            place.mkdir()
            results[name] = SECTIONS[name].measure(place, plan)
    return results


def to_json(result: Any) -> Any:
    """Return the rows of a section, or its one result."""
    return [asdict(row) for row in result] if isinstance(result, list) else asdict(result)


def describe(results: Mapping[str, Any]) -> list[str]:
    """Write the report."""
    lines = [f"{os.cpu_count()} processors, Python {platform.python_version()}.", ""]
    for name, result in results.items():
        lines += [name.upper(), *SECTIONS[name].describe(result), ""]
    return lines + [f"{what}: {value}" for what, value in compare(results).items()]


if __name__ == "__main__":
    main()
