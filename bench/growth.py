#!/usr/bin/env python3
"""How the cost of certified norms grows: channels, images and matrices doubling, with the exponents measured.

usage: bench/growth.py [--program build/bench/norms] [--rounds 3] [--svg docs/norm_growth.svg]

Processor time of one thread, the least of the rounds. The exponent is the slope of the last three doublings in a plot with two
logarithmic axes, by least squares. Also the largest resident memory of enclosing every layer of AlexNet in one process.
Needs nothing but Python's standard library.
"""
import argparse
import json
import math
import os
import subprocess

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    ENVIRONMENT.pop(variable, None)
SERIES = {"channels": "3×3, zero padding, 32×32, channels in and out",
          "image": "3×3, zero padding, 16 channels, side of the image",
          "dense": "dense n × n"}
COLOURS = {"channels": "#1f5fa8", "image": "#c8571b", "dense": "#3a7d44"}


def run(program, pattern, threads=1, time="cpu_time"):
    """Milliseconds by name, and the peak of resident memory in MiB."""
    arguments = [program, f"--threads={threads}", f"--benchmark_filter={pattern}", "--benchmark_format=json", "--benchmark_min_time=0.05"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT) as child:
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{program} failed with status {child.returncode}")
    return {b["name"].removesuffix("/real_time"): b[time] for b in json.loads(output)["benchmarks"]}, usage.ru_maxrss / 1024


def slope(points):
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def draw(series, file):
    width, height, left, bottom = 720, 420, 70, 370
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]

    def at(x, y):
        px = left + (width - left - 30) * math.log(x / min(xs)) / math.log(max(xs) / min(xs))
        py = bottom - (bottom - 40) * math.log(y / min(ys)) / math.log(max(ys) / min(ys))
        return px, py

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys))) + 1):
        if min(ys) <= 10.0**power <= max(ys):
            _, y = at(min(xs), 10.0**power)
            parts.append(f'<path d="M{left} {y:.1f}H{width - 30}" stroke="#dddddd"/>'
                         f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>')
    for x in sorted(set(xs)):
        px, _ = at(x, min(ys))
        parts.append(f'<text x="{px:.1f}" y="{bottom + 18}" text-anchor="middle">{x}</text>')
    for i, (name, points) in enumerate(series.items()):
        path = "L".join("{:.1f} {:.1f}".format(*at(x, y)) for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}"/>'.format(*at(x, y), COLOURS[name]) for x, y in points]
        parts.append(f'<text x="{left + 14}" y="{52 + 18 * i}" fill="{COLOURS[name]}">{SERIES[name]}: '
                     f'exponent {slope(points[-4:]):.2f}</text>')
    parts.append(f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">size</text></svg>')
    with open(file, "w", encoding="utf-8") as stream:
        stream.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/norms")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--svg", help="also draw the table")
    args = parser.parse_args()
    best = {}
    for _ in range(args.rounds):
        for name, time in run(args.program, "^growth/")[0].items():
            best[name] = min(time, best.get(name, math.inf))
    series = {kind: [] for kind in SERIES}
    for name, time in best.items():
        _, kind, size = name.split("/")
        series[kind].append((int(size), time))
    print("| what doubles | " + " | ".join(["size: ms"] * 6) + " | exponent |\n|" + "---|" * 8)
    for kind, points in series.items():
        points.sort()
        cells = [f"{size}: {time:.3g}" for size, time in points]
        print(f"| {SERIES[kind]} | " + " | ".join(cells) + f" | {slope(points[-4:]):.2f} |")
    if args.svg:
        draw(series, args.svg)
    for effort in ("alexnet", "probabilistic"):
        for threads in (1, 2):
            times, peak = run(args.program, f"^{effort}/", threads, "real_time")
            print(f"{effort}, {threads} threads: {sum(times.values()) / 1e3:.2f} s by the clock, {peak:.0f} MiB at most")


if __name__ == "__main__":
    main()
