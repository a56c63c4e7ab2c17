#!/usr/bin/env python3
"""Training steps of Taut beside the same steps in PyTorch, in turn, with the ratio of every round.

usage: bench/side_by_side.py [--program build/bench/train_step] [--rounds 7]

Both sides: float32, one thread, the same batch and widths, forward + loss + backward + update; processor time, since
machines are shared. The two programs take turns, so a slow spell of the machine hits both; the ratio (PyTorch time /
Taut time) is taken round by round and its median is what to quote. In a "+autolip" case either side adds the logarithm
of the product of the layers' norms to the loss, by one warm power step per layer and training step on the true
operators; in a "+gradient" case the square norm of the loss's gradient by the images, through a second backward pass.
Their last column is the median of a side's time over that of its own step without a penalty, Taut's and PyTorch's.

To compare with the processor's own BLAS kernels, run it under `env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE`, unless
OpenBLAS does not know the processor (OPENBLAS_VERBOSE=2 prints Prescott) and has to be told. glibc's malloc is tuned for
PyTorch's sake, which otherwise returns every large tensor to the kernel.
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
PENALTIES = {"mlp784-b64": ("+autolip", "+gradient"), "mlp784-b128": ("+autolip", "+gradient"),
             "mnist4-b128": ("+autolip", "+gradient")}
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

    def log_norms(net, x):
        """What one call adds to the loss: sum of log |A v| over the layers, v one power step better than before."""
        layers, vectors = [m for m in net if isinstance(m, (nn.Linear, nn.Conv2d))], []
        with torch.no_grad():
            z = x[:1]
            for m in net:
                if m in layers:
                    vectors.append(F.normalize(torch.randn_like(z).flatten(1)).view_as(z))
                z = m(z)

        def penalty():
            total = 0.0
            for i, (m, v) in enumerate(zip(layers, vectors)):
                convolves = isinstance(m, nn.Conv2d)
                image = F.conv2d(v, m.weight, stride=m.stride) if convolves else v @ m.weight.t()
                total = total + 0.5 * torch.log(torch.sum(image * image))
                with torch.no_grad():
                    if convolves:
                        pad = [(s - ((o - 1) * t + k)) for s, o, t, k in
                               zip(v.shape[2:], image.shape[2:], m.stride, m.kernel_size)]
                        back = F.conv_transpose2d(image, m.weight, stride=m.stride, output_padding=pad)
                    else:
                        back = image @ m.weight
                    vectors[i] = back / back.norm()
            return total
        return penalty

    def make(case, rule):
        case, _, penalty = case.partition("+")
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

        norms = log_norms(net, x) if penalty == "autolip" else None
        x.requires_grad_(penalty == "gradient")

        def step():
            optimiser.zero_grad()
            value = loss(net(x), y)
            if penalty == "gradient":
                slopes, = torch.autograd.grad(value, x, create_graph=True)
                value = value + 0.1 * batch * torch.sum(slopes * slopes)
            if penalty == "autolip":
                value = value + 0.1 * norms()
            value.backward()
            optimiser.step()
        for _ in range(10):
            step()
        return step

    for line in sys.stdin:
        case, rule = line.split()
        step = steps.setdefault((case, rule), None) or make(case, rule)
        steps[case, rule] = step
        start, count = time.process_time(), 0
        while time.process_time() - start < 0.3:
            step()
            count += 1
        print((time.process_time() - start) / count * 1e6, flush=True)


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
    print(f"{'case':27s} {'taut':>9s} {'pytorch':>9s} {'ratio':>7s}   (min .. max of the rounds)")
    plain = {}
    for case in [base + penalty for base in CASES for penalty in ("",) + PENALTIES.get(base, ())]:
        for rule in ("sgd", "adam"):
            ours, theirs = [], []
            for _ in range(args.rounds):
                only = f"--benchmark_filter=^{case.replace('+', '[+]')}/{rule}/f32$"
                output = subprocess.run([args.program, only, "--benchmark_format=json", "--benchmark_min_time=0.3"],
                                        capture_output=True, text=True, check=True,
                                        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}).stdout
                ours.append(json.loads(output)["benchmarks"][0]["cpu_time"])
                worker.stdin.write(f"{case} {rule}\n")
                worker.stdin.flush()
                theirs.append(float(worker.stdout.readline()))
            ratios = sorted(t / o for t, o in zip(theirs, ours))
            medians = [statistics.median(ours), statistics.median(theirs)]
            base, plus, _ = case.partition("+")
            costs = "  x {:.2f}, x {:.2f}".format(*(m / p for m, p in zip(medians, plain[base, rule]))) if plus else ""
            plain.setdefault((case, rule), medians)
            print(f"{case + '/' + rule:27s} {medians[0]:9.1f} {medians[1]:9.1f} "
                  f"{statistics.median(ratios):7.2f}   ({ratios[0]:.2f} .. {ratios[-1]:.2f}){costs}", flush=True)
    worker.stdin.close()
    worker.wait()


if __name__ == "__main__":
    main()
