#!/usr/bin/env python3
"""Training steps of Taut beside the same steps in PyTorch, in turn, with the ratio of every round.

usage: bench/side_by_side.py [--program build/bench/train_step] [--rounds 7]

Both sides: float32, one thread, the same batch and widths, forward + loss + backward + update. The two programs take
turns, so a slow spell of the machine hits both; the ratio (PyTorch time / Taut time) is taken round by round and its
median is what to quote. To compare with the processor's own BLAS kernels, run it under
`env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE`. glibc's malloc is tuned for PyTorch's sake, which otherwise returns every
large tensor to the kernel.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

CASES = {  # name in train_step: (widths or None for the CNN, batch, classifies)
    "mlp784-b64": ([784, 128, 64, 10], 64, True),
    "mlp784-b128": ([784, 128, 64, 10], 128, True),
    "tiny-b128": ([2, 20, 20, 20, 1], 128, False),
    "mnist4-b128": (None, 128, True),
}
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592",
          "MALLOC_TOP_PAD_": "268435456", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def torch_worker():
    """Reads 'case rule' lines, answers with microseconds per step."""
    import time
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    torch.set_num_threads(1)
    steps = {}

    def make(case, rule):
        widths, batch, classifies = CASES[case]
        torch.manual_seed(0)
        if widths is None:
            net = nn.Sequential(nn.Conv2d(1, 32, 5, stride=2), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2), nn.ReLU(),
                                nn.Conv2d(64, 128, 3, stride=2), nn.ReLU(), nn.Conv2d(128, 10, 2), nn.Flatten())
            x = torch.randn(batch, 1, 28, 28)
        else:
            layers = []
            for i in range(len(widths) - 1):
                layers.append(nn.Linear(widths[i], widths[i + 1]))
                if i + 2 < len(widths):
                    layers.append(nn.ReLU())
            net = nn.Sequential(*layers)
            x = torch.randn(batch, widths[0])
        y = torch.randint(0, 10, (batch,)) if classifies else torch.randn(batch, 1)
        loss = F.cross_entropy if classifies else F.mse_loss
        optimiser = (torch.optim.SGD(net.parameters(), lr=1e-3) if rule == "sgd"
                     else torch.optim.Adam(net.parameters(), lr=1e-4))

        def step():
            optimiser.zero_grad()
            loss(net(x), y).backward()
            optimiser.step()
        for _ in range(10):
            step()
        return step

    for line in sys.stdin:
        case, rule = line.split()
        step = steps.setdefault((case, rule), None) or make(case, rule)
        steps[case, rule] = step
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < 0.3:
            step()
            count += 1
        print((time.perf_counter() - start) / count * 1e6, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/train_step")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch-worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_worker:
        return torch_worker()
    try:
        import torch  # noqa: F401
    except ImportError:
        sys.exit("PyTorch is not installed for this Python (Debian: python3-torch, /usr/bin/python3); nothing to compare")
    worker = subprocess.Popen([sys.executable, __file__, "--torch-worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env={**os.environ, **MALLOC})
    print(f"# OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'unset')}, float32, 1 thread, us per step, "
          f"median of {args.rounds} rounds")
    print(f"{'case':22s} {'taut':>9s} {'pytorch':>9s} {'ratio':>7s}   (min .. max of the rounds)")
    for case in CASES:
        for rule in ("sgd", "adam"):
            ours, theirs = [], []
            for _ in range(args.rounds):
                output = subprocess.run([args.program, f"--benchmark_filter=^{case}/{rule}/f32$", "--benchmark_format=json",
                                         "--benchmark_min_time=0.3"], capture_output=True, text=True, check=True,
                                        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}).stdout
                ours.append(json.loads(output)["benchmarks"][0]["real_time"])
                worker.stdin.write(f"{case} {rule}\n")
                worker.stdin.flush()
                theirs.append(float(worker.stdout.readline()))
            ratios = sorted(t / o for t, o in zip(theirs, ours))
            print(f"{case + '/' + rule:22s} {statistics.median(ours):9.1f} {statistics.median(theirs):9.1f} "
                  f"{statistics.median(ratios):7.2f}   ({ratios[0]:.2f} .. {ratios[-1]:.2f})", flush=True)
    worker.stdin.close()
    worker.wait()


if __name__ == "__main__":
    main()
