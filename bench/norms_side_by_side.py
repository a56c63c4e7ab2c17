#!/usr/bin/env python3
"""Certified norms of convolutions beside the transform and a singular value decomposition per frequency in NumPy.

usage: bench/norms_side_by_side.py [--program build/bench/norms] [--rounds 5]

NumPy's side finds all singular values of the circular convolution, on the image's own grid, without a rounding argument:
`full` over all frequencies [Sedghi2019], `half` over those that a real kernel leaves. Taut's side encloses the largest
one, certified. Both use one thread and take turns; processor time, ratios round by round, medians.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    ENVIRONMENT.pop(variable, None)
LAYERS = ["16,16,3,32", "64,64,3,32", "128,128,3,32", "64,192,5,27", "256,256,3,16"]


def numpy_worker():
    """Reads layers, answers with milliseconds of `full` and of `half`."""
    import time
    import numpy as np
    for line in sys.stdin:
        cin, cout, k, n = map(int, line.split(","))
        kernel = np.random.default_rng(1).normal(size=(k, k, cout, cin)) * np.sqrt(2 / (cin * k * k))
        times = []
        for transform in (np.fft.fft2, np.fft.rfft2):
            start = time.process_time()
            np.linalg.svd(transform(kernel, (n, n), axes=(0, 1)), compute_uv=False).max()
            times.append((time.process_time() - start) * 1e3)
        print(*times, flush=True)


def ours(program, name):
    output = subprocess.run([program, f"--benchmark_filter=^{name}(/real_time)?$", "--benchmark_format=json", "--benchmark_min_time=0.3"],
                            capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
    result = json.loads(output)["benchmarks"][0]
    return result["cpu_time"], result["upper/lower-1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/norms")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--numpy-worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.numpy_worker:
        return numpy_worker()
    try:
        import numpy  # noqa: F401
    except ImportError:
        sys.exit("NumPy is not installed for this Python (Debian: python3-numpy, /usr/bin/python3); nothing to compare")
    worker = subprocess.Popen([sys.executable, __file__, "--numpy-worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=ENVIRONMENT)
    print("| layer (c_in,c_out,k,n) | padding | Taut, ms | upper/lower − 1 | NumPy full, ms | half, ms | full / Taut | half / Taut |")
    print("|---|---|---|---|---|---|---|---|")
    for layer in LAYERS:
        rounds = {"circular": [], "zero": []}
        theirs, overshoot = [], {}
        for _ in range(args.rounds):
            worker.stdin.write(layer + "\n")
            worker.stdin.flush()
            theirs.append(tuple(map(float, worker.stdout.readline().split())))
            for padding, times in rounds.items():
                time, overshoot[padding] = ours(args.program, f"{padding}/{layer}")
                times.append(time)
        for padding, times in rounds.items():
            full = statistics.median(t[0] / o for t, o in zip(theirs, times))
            half = statistics.median(t[1] / o for t, o in zip(theirs, times))
            print(f"| {layer} | {padding} | {statistics.median(times):.1f} | {overshoot[padding]:.1e} | "
                  f"{statistics.median(t[0] for t in theirs):.0f} | {statistics.median(t[1] for t in theirs):.0f} | "
                  f"{full:.1f} | {half:.1f} |", flush=True)
    worker.stdin.close()
    worker.wait()


if __name__ == "__main__":
    main()
