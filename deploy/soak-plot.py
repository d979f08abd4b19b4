"""Draws the samples of a soak: soak-plot.py SAMPLES.csv PICTURE.png"""

import csv
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# What tests/wire/soak calls the warm-up.
WARM_UP = 0.4
KEPT = ["kept_documents", "kept_config", "kept_lists", "kept_callflows", "kept_usernames"]


def main(source, picture):
    with open(source, newline="") as file:
        rows = list(csv.DictReader(file))
    minutes = [float(row["seconds"]) / 60 for row in rows]

    def column(name, scale=1.0):
        return [float(row[name]) * scale for row in rows]

    events = [(at, row["event"]) for at, row in zip(minutes, rows) if row["event"]]
    panels = [
        ("memory (MiB)", [("resident memory", column("rss", 1 / 1024))]),
        (
            "number",
            [("open file descriptors", column("fds")), ("threads", column("threads"))],
        ),
        (
            "number",
            [("tasks of the runtime", column("tasks")), ("calls in flight", column("in_flight"))],
        ),
        (
            "entries kept",
            [(name.removeprefix("kept_"), column(name)) for name in KEPT],
        ),
        ("records kept", [("records of finished calls", column("kept_records"))]),
        (
            "calls placed\nper second",
            [("calls placed", rates(minutes, column("placed")))],
        ),
    ]
    figure, axes = plt.subplots(
        len(panels), 1, sharex=True, figsize=(10, 12), constrained_layout=True
    )
    for axis, (unit, curves) in zip(axes, panels):
        for name, values in curves:
            axis.plot(minutes[: len(values)], values, label=name, linewidth=1.1)
        axis.set_ylabel(unit)
        axis.set_ylim(0, 1.15 * max(1, *(max(values) for _, values in curves)))
        axis.grid(alpha=0.3)
        axis.axvspan(0, minutes[-1] * WARM_UP, color="0.92", zorder=0)
        for at, _ in events:
            axis.axvline(at, color="tab:red", linewidth=0.8, linestyle="--")
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    # Names stand beside their lines, every other one on the left of it so that a pair is legible.
    for place, (at, name) in enumerate(events):
        axes[0].annotate(
            name,
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4 if place % 2 else -4, 3),
            textcoords="offset points",
            ha="left" if place % 2 else "right",
            fontsize=8,
            color="tab:red",
        )
    axes[-1].set_xlabel("minutes since the first call (grey: warm-up, not judged)")
    figure.savefig(picture, dpi=90)


def rates(minutes, counts):
    """Calls a second between samples, over half a minute."""
    width = 15
    result = []
    for place in range(len(counts)):
        first = max(0, place - width)
        seconds = (minutes[place] - minutes[first]) * 60
        result.append((counts[place] - counts[first]) / seconds if seconds else 0)
    if len(result) > 1:
        result[0] = result[1]
    return result


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
