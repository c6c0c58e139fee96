"""Measure and print: `python -m tests.bench`. Ratios count; the bare figures are this machine's."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench.archives import Row, measure_archives
from tests.bench.batches import BatchRow, measure_batches
from tests.bench.restore import Restored, measure_restore

MEANING = """
Archives: each connection sends one archive after the other on one device, and each answer means
that the server has accepted it. The yardstick is a bare Flask-smorest route that sleeps one round
trip, with the same server settings. A ratio of 1 says: nothing lost to the bare framework. With
several connections archives share patches (archives a patch), with one they can't: there the ratio
shows what a request costs beyond its round trip. Generator and simulator run on the same machine.
"""
HEAD = "  trip  conns   archives/s   p50 ms   p99 ms |   bare/s   p50 ms   p99 ms |  ratio  a patch"


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a report")
    parser.add_argument("--seconds", type=float, default=5, help="length of each measurement")
    parser.add_argument("--devices", type=int, default=500, help="devices to restore; 0: none")
    parser.add_argument("--waseed", type=Path, default=Path(".build/waseed"), help="the seeder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wuts-bench-") as folder:
        rows = measure_archives(Path(folder) / "archives", seconds=arguments.seconds)
        batches = measure_batches(Path(folder) / "batches", seconds=arguments.seconds)
        restored = None
        if arguments.devices:
            restored = measure_restore(
                Path(folder) / "restore", waseed=arguments.waseed, devices=arguments.devices
            )
    if arguments.json:
        shown = {
            "archives": [asdict(row) for row in rows],
            "batches": [asdict(batch) for batch in batches],
            "restore": restored and asdict(restored),
        }
        print(json.dumps(shown, indent=2))
    else:
        print(describe(rows, batches, restored))


def describe(rows: Sequence[Row], batches: Sequence[BatchRow], restored: Restored | None) -> str:
    """Write the report."""
    lines = [MEANING, HEAD, *(describe_row(row) for row in rows), ""]
    lines += [
        f"Batches of 500 chats, one after the other, at {batch.round_trip_ms} ms:"
        f" {batch.archives_per_second} archives/s, p50 {batch.p50_ms} ms, {batch.failed} failed."
        for batch in batches
    ]
    if restored is not None:
        lines += [
            "",
            f"Restart: {restored.devices} devices back in {restored.again_seconds} s"
            f" ({restored.first_seconds} s the first time, with a full synchronisation of each);",
            f"{restored.memory_per_device_kb} kB of memory a device beyond an empty service,"
            f" {restored.threads} threads, {restored.goroutines} goroutines.",
        ]
    return "\n".join(lines)


def describe_row(row: Row) -> str:
    """Write one line of the table, and what was not answered 200."""
    wuts, bare = row.wuts, row.bare
    others = f"   not 200: {wuts.others} {bare.others}" if wuts.others or bare.others else ""
    return (
        f"{row.round_trip_ms:6} {row.connections:6} {wuts.per_second:12} {wuts.p50_ms:8}"
        f" {wuts.p99_ms:8} | {bare.per_second:8} {bare.p50_ms:8} {bare.p99_ms:8} |"
        f" {row.ratio:6} {row.archives_per_patch:8}{others}"
    )


if __name__ == "__main__":
    main()
