#!/usr/bin/env python3
"""Greedy SeqLip of a pair of layers beside the plain search in NumPy, one singular value decomposition per candidate flip.

usage: bench/seqlip_side_by_side.py [--program build/bench/seqlip] [--rounds 3]

Both see the same matrices, use one thread and take turns; processor time, ratios round by round, medians. The values at the
vertices found are compared as well.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    ENVIRONMENT.pop(variable, None)
SIZES = [20, 100]


def plain_greedy(path):
    import numpy as np
    with open(path) as file:
        n, k = map(int, file.readline().split())
        numbers = np.array([float(line) for line in file])
    a, b = numbers[:k * n].reshape(k, n), numbers[k * n:].reshape(n, k)
    start = time.process_time()
    sigma = np.ones(n)
    m = a @ b
    value = np.linalg.svd(m, compute_uv=False)[0]
    while True:
        best, chosen = value * (1 + 1e-12), -1
        for i in range(n):
            change = (1 - 2 * sigma[i]) * np.outer(a[:, i], b[i])
            candidate = np.linalg.svd(m + change, compute_uv=False)[0]
            if candidate > best:
                best, chosen = candidate, i
        if chosen < 0:
            return (time.process_time() - start) * 1e3, value
        m += (1 - 2 * sigma[chosen]) * np.outer(a[:, chosen], b[chosen])
        sigma[chosen] = 1 - sigma[chosen]
        value = best


def ours(program, n, path):
    output = subprocess.run([program, f"--benchmark_filter=^greedy/{n}/{n}$", "--benchmark_format=json",
                             "--benchmark_min_time=0.3"], capture_output=True, text=True, check=True,
                            env={**ENVIRONMENT, "TAUT_BENCH_PAIR": path}).stdout
    result = json.loads(output)["benchmarks"][0]
    return result["cpu_time"], result["value"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/seqlip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain", help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        import numpy  # noqa: F401
    except ImportError:
        sys.exit("NumPy is not installed for this Python (Debian: python3-numpy, /usr/bin/python3); nothing to compare")
    if args.plain:
        print(json.dumps(plain_greedy(args.plain)))
        return
    print("| n = k | Taut, ms | NumPy, ms | NumPy / Taut | values differ by |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pair.txt")
        for n in SIZES:
            mine, theirs, difference = [], [], 0.0
            for _ in range(args.rounds):
                milliseconds, value = ours(args.program, n, path)
                mine.append(milliseconds)
                plain = json.loads(subprocess.run([sys.executable, __file__, "--plain", path], capture_output=True, text=True,
                                                  check=True, env=ENVIRONMENT).stdout)
                theirs.append(plain[0])
                difference = max(difference, abs(plain[1] / value - 1))
            ratio = statistics.median(t / m for t, m in zip(theirs, mine))
            print(f"| {n} | {statistics.median(mine):.2f} | {statistics.median(theirs):.0f} | {ratio:.0f} | "
                  f"{difference:.1e} |", flush=True)


if __name__ == "__main__":
    main()
