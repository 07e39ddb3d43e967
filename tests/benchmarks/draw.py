"""Draw the pictures of ``docs/performance.md`` from one run, and print its tables.

``pytest tests/benchmarks -m benchmark --benchmark-json=FILE``, then ``python tests/benchmarks/draw.py FILE``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Record = dict[str, Any]
IMAGES = Path(__file__).parents[2] / "docs" / "images"
LOOKS = {
    "enumerate_regions": ("regions: enumerate_regions", "#0b5394", "o"),
    "count_regions": ("regions: count_regions", "#3d9be9", "s"),
    "regioncam": ("regioncam", "#d95f02", "^"),
    "affinitree": ("affinitree", "#7570b3", "D"),
    "relucent": ("relucent", "#1b9e77", "v"),
}


def read(path: Path) -> list[Record]:
    """One record for each benchmark: its least time in seconds, its test, and what the test noted."""
    benchmarks = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return [
        {
            **b["extra_info"],
            "test": b["name"].partition("[")[0],
            "least": b["stats"]["min"],
        }
        for b in benchmarks
    ]


def select(records: Iterable[Record], test: str, **wanted: str) -> list[Record]:
    return [r for r in records if r["test"] == test and all(r[key] == value for key, value in wanted.items())]


def span(seconds: float) -> str:
    return f"{figure(seconds)} s" if seconds >= 0.1 else f"{figure(seconds * 1e3)} ms"


def figure(value: float) -> str:
    """Two significant figures, never in powers of ten."""
    return grouped(float(f"{value:.2g}")) if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def grouped(count: float) -> str:
    return f"{count:,.0f}".replace(",", " ")


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB"


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads), *rows])


def speed_table(records: list[Record]) -> str:
    counts = {r["net"]: r for r in select(records, "test_speed", function="count_regions")}
    rows = []
    for whole in sorted(select(records, "test_speed", function="enumerate_regions"), key=lambda r: r["regions"]):
        count = counts[whole["net"]]
        rows.append([whole["net"], grouped(whole["regions"]), span(count["forward_seconds"])])
        for r in (count, whole):
            rows[-1] += [span(r["least"]), figure(r["ratio"])]
            rows[-1] += [grouped(float(f"{r['regions_per_second']:.2g}")), gigabytes(r["peak_bytes"])]
    per_call = ["ratio", "regions per second", "peak memory"]
    return table(
        ["net", "regions", "forward pass", "`count_regions`", *per_call, "`enumerate_regions`", *per_call], rows
    )


def peers_table(records: list[Record]) -> str:
    measured = {(r["net"], r["tool"]): r for r in select(records, "test_side_by_side")}
    rows = []
    for (net, tool), r in measured.items():
        ours = measured[net, "enumerate_regions"]
        rows.append(
            [
                net if tool == "enumerate_regions" else "",
                f"`{tool}`" if tool in ("enumerate_regions", "count_regions") else f"{tool} {r['version']}",
                span(r["seconds"]),
                figure(r["seconds"] / ours["seconds"]),
                gigabytes(r["peak_bytes"]),
                grouped(r["regions"]),
                grouped(r["exact"]),
            ]
        )
    return table(["net", "tool", "time", "times `enumerate_regions`", "peak memory", "its count", "exact count"], rows)


def draw_growth(records: list[Record], path: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure_ = Figure(figsize=(10, 4.2), layout="constrained")
    wide, deep = figure_.subplots(1, 2)
    for function in ("enumerate_regions", "count_regions"):
        label, color, marker = LOOKS[function]
        look = {"label": label, "color": color, "marker": marker}
        points = select(records, "test_width_of_one_layer", function=function)
        wide.loglog([r["width"] for r in points], [r["least"] for r in points], **look)
        if function == "enumerate_regions":
            n = np.array([min(r["width"] for r in points), 4000])
            scale = points[0]["least"] / points[0]["width"] ** 2
            wide.loglog(n, scale * n**2, "--", color="0.55", label="slope of $n^2$", zorder=1)
        points = select(records, "test_depth_at_width_64", function=function)
        deep.loglog([r["regions"] for r in points], [r["least"] for r in points], **look)
        for r in points if function == "enumerate_regions" else []:
            note = f"{r['depth']} layer{'s' * (r['depth'] > 1)}"
            place = {"textcoords": "offset points", "xytext": (-7, 4), "ha": "right", "fontsize": 9}
            deep.annotate(note, (r["regions"], r["least"]), **place)
        if function == "enumerate_regions":
            low, high = points[0]["regions"], points[-1]["regions"]
            line = [points[0]["least"], points[0]["least"] * high / low]
            deep.loglog([low, high], line, "--", color="0.55", label="in step with the regions", zorder=1)
    wide.set(xlabel="neurons n of 2-n-1", ylabel="seconds", title="One layer")
    ticks = sorted({r["width"] for r in select(records, "test_width_of_one_layer")})
    wide.set_xticks(ticks, [str(n) for n in ticks])
    deep.set(xlabel="regions", ylabel="seconds", title="Layers of width 64, one to six")
    ticks = [2_000, 5_000, 10_000, 20_000, 50_000]
    deep.set_xticks(ticks, [grouped(n) for n in ticks])
    deep.margins(x=0.2)
    for axes in (wide, deep):
        axes.minorticks_off()
        axes.margins(y=0.12)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, loc="upper left")
    figure_.savefig(path, dpi=110)


def draw_peers(records: list[Record], path: Path) -> None:
    from matplotlib.figure import Figure

    measured = select(records, "test_side_by_side")
    exact = {r["net"]: r["exact"] for r in measured}
    order = sorted(exact, key=exact.__getitem__)
    figure_ = Figure(figsize=(10, 4.6), layout="constrained")
    time, memory = figure_.subplots(1, 2)
    for tool, (label, color, marker) in LOOKS.items():
        points = sorted((r for r in measured if r["tool"] == tool), key=lambda r: r["exact"])
        if not points:
            continue
        at = [order.index(r["net"]) for r in points]
        look = {"label": label, "color": color, "marker": marker, "lw": 1.3}
        time.semilogy(at, [r["seconds"] for r in points], **look)
        memory.semilogy(at, [r["peak_bytes"] / 1e9 for r in points], **look)
    time.set(title="Time", ylabel="seconds")
    memory.set(title="Peak memory of the process", ylabel="GB")
    memory.yaxis.set_major_formatter("{x:g}")
    for axes in (time, memory):
        axes.set_xticks(
            range(len(order)), [f"{net}\n{grouped(exact[net])}" for net in order], rotation=45, ha="right", fontsize=8.5
        )
        axes.set_xlabel("net, and its regions")
        axes.grid(alpha=0.25)
    figure_.legend(
        *time.get_legend_handles_labels(), loc="outside upper center", ncols=len(time.get_lines()), frameon=False
    )
    figure_.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/performance.md, and print its tables.")
    parser.add_argument("file", type=Path, help="what pytest wrote with --benchmark-json=FILE")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder for the pictures, %(default)s by default")
    options = parser.parse_args(arguments)
    records = read(options.file)
    options.images.mkdir(parents=True, exist_ok=True)
    draw_growth(records, options.images / "growth.png")
    draw_peers(records, options.images / "peers.png")
    print(speed_table(records), peers_table(records), sep="\n\n")


if __name__ == "__main__":
    main()
