# SPDX-License-Identifier: GPL-2.0-only
"""The files of a run: results.md, results.json, and the charts."""

import dataclasses
import json
import pathlib

from driver import chart
from driver.plan import PLAIN, SIZES, Window
from driver.tables import all_tables

HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only -->
# Results

Written by `make bench`; [method.md](method.md) says what the columns mean and how far to trust a difference.
"""


def document(figures, about):
    """results.md"""
    facts = ", ".join(f"{name} {value}" for name, value in about.items())
    pictures = "\n".join(f"![{name}]({name}.svg)" for name in charts(figures))
    return f"{HEAD}\n{facts}.\n\n{pictures}\n\n{all_tables(figures)}"


def numbers(readings, about):
    """results.json: every number of every window."""
    windows = [dataclasses.asdict(window) | reading.values for window, reading in readings.items()]
    head = {"licence": "SPDX-License-Identifier: GPL-2.0-only", **about}
    rows = ",\n".join("  " + json.dumps(window) for window in windows)
    return json.dumps(head, indent=1)[:-2] + ',\n "windows": [\n' + rows + "\n ]\n}\n"


def charts(figures):
    """The charts by name, each a title, its bars, and the digits behind the point."""
    methods = [method for method in figures.methods() if method != PLAIN]
    drawn = {}
    for size in SIZES:
        drawn[f"packet-{size}"] = (f"Instructions above plain forwarding, packets of {size} bytes, both gateways",
                                   [(method, figures.over(Window(method, "single", size))) for method in methods], 0)
    drawn["tcp"] = ("Instructions per byte of TCP, GSO and GRO on",
                    [(method, figures.tcp(method, "gro")) for method in methods], 1)
    known = {name: (title, [bar for bar in bars if bar[1] is not None], digits)
             for name, (title, bars, digits) in drawn.items()}
    return {name: drawing for name, drawing in known.items() if drawing[1]}


def write(directory, figures, about):
    """All files."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.md").write_text(document(figures, about))
    (directory / "results.json").write_text(numbers(figures.readings, about))
    for name, drawing in charts(figures).items():
        (directory / f"{name}.svg").write_text(chart.bars(*drawing))
