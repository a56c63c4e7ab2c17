#!/usr/bin/env python3
"""scripts/sandwich.py DEMO.json OUT.svg

Draws the bounds that `make demo` found, one row per network on one logarithmic axis: the largest lower bound and the upper
bounds, with the interval between the best two that must hold the Lipschitz constant. Hollow marks are estimates: nothing is
proved about them. Needs nothing but Python's standard library.
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 840, 190, 40, 46, 74
BLUE, ORANGE, GREY = "#1f5fa8", "#c8571b", "#666666"


LOWER_METHODS = ("ascent", "annealing", "grid", "dataset", "pairs")


def side_of(bound):
    """Of an estimate, what it would be a bound of."""
    return bound["side"] if bound["side"] != "estimate" else "lower" if bound["method"] in LOWER_METHODS else "upper"


def finite(bounds, side):
    return sorted((b for b in bounds if side_of(b) == side and b["value"] is not None), key=lambda b: b["value"])


def number(value):
    """Three digits: 0.25, 69.6, 9.26·10⁶."""
    if value < 1e5:
        return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e+")
    power = "10" + str(int(exponent)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    mantissa = mantissa.rstrip("0").rstrip(".")
    return power if mantissa == "1" else f"{mantissa}·{power}"


def rounded_outward(bound):
    """Three digits, up for upper and down for lower bounds."""
    unit = 10.0 ** (math.floor(math.log10(bound["value"])) - 2)
    rounded = (math.ceil if side_of(bound) == "upper" else math.floor)(bound["value"] / unit) * unit
    return number(rounded)


def text(x, y, string, size=13, anchor="middle", colour="#222222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
            f'{escape(string)}</text>')


def mark(x, y, bound, colour):
    fill = "white" if bound["rigour"] == "estimate" else colour
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'


def axis(low, high, position, bottom):
    """Vertical lines at 1, 2 and 5 times the powers of ten, or at the powers alone where they would crowd."""
    digits = (1, 2, 5) if high / low < 3000 else (1,)
    parts = []
    for exponent in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1):
        for digit in digits:
            tick = digit * 10.0**exponent
            if low <= tick <= high:
                x = position(tick)
                parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
                parts.append(text(x, bottom + 18, number(tick), colour=GREY))
    return parts


def row(model, y, position):
    lower, upper = finite(model["bounds"], "lower"), finite(model["bounds"], "upper")
    left, right = position(lower[-1]["value"]), position(upper[0]["value"])
    parts = [text(LEFT - 14, y - 2, model["name"], 14, "end"),
             text(LEFT - 14, y + 15, f'accuracy {100 * model["test_accuracy"]:.1f} %', 11, "end", GREY),
             f'<line x1="{left:.1f}" y1="{y}" x2="{right:.1f}" y2="{y}" stroke="#9bbfe3" stroke-width="9"/>']
    # Labels of the lower bound end and those of upper bounds begin at their marks: the two may be close. Of upper bounds that
    # crowd, the larger one's label goes below.
    previous = -math.inf
    for bound, colour, anchor in [(lower[-1], ORANGE, "end")] + [(b, BLUE, "start") for b in upper]:
        x = position(bound["value"])
        parts.append(mark(x, y, bound, colour))
        if anchor == "start" and x - previous < 55:
            parts.append(text(previous, y + 35, f'{bound["method"]} {rounded_outward(bound)}', 11, anchor, colour))
            continue
        parts += [text(x, y - 12, bound["method"], 11, anchor, colour),
                  text(x, y + 22, rounded_outward(bound), 11, anchor, colour)]
        previous = x if anchor == "start" else previous
    return parts


def draw(models):
    values = [b["value"] for m in models for side in ("lower", "upper") for b in finite(m["bounds"], side)]
    low, high = min(values) / 3, max(values) * 3
    bottom = TOP + ROW * len(models)

    def position(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / low) / math.log(high / low)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50}" font-family="sans-serif">',
             f'<rect width="{WIDTH}" height="{bottom + 50}" fill="white"/>',
             text(WIDTH / 2, 22, "lower bound ≤ Lipschitz constant (l2) ≤ upper bound", 15)]
    parts += axis(low, high, position, bottom)
    for i, model in enumerate(models):
        parts += row(model, TOP + ROW * i + ROW // 2, position)
    parts += [text(WIDTH / 2, bottom + 40, "orange: lower bounds · blue: upper bounds · hollow: estimates, nothing proved",
                   12, colour=GREY), "</svg>"]
    return "\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    with open(sys.argv[1], encoding="utf-8") as file:
        models = json.load(file)["models"]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(models))


main()
