#!/usr/bin/env python3
"""Every operation of Taut beside the same operation in PyTorch, in turn; prints a Markdown table, slowest first.

usage: bench/ops_side_by_side.py [--program build/bench/ops] [--rounds 5] [--filter REGEX] [--seconds 0.05]

Both sides: float32, one thread, the same numbers. "forward" computes values; "forward + backward" records the operation
and takes the vjp with respect to every operand, with the same cotangent. Time is the processor's, which a busy machine
disturbs less. The ratio (Taut time / PyTorch time) is taken round by round and its median is shown; a ratio above 2 is
marked. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are unset for both, so each has the processor's own BLAS kernels.

The list of operations and shapes is bench/ops.json, Taut's calls are in bench/ops.cpp, PyTorch's below. What views in
PyTorch and copies in Taut (slices, permutations, broadcasts) is made contiguous there too.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

from side_by_side import MALLOC

HERE = os.path.dirname(os.path.abspath(__file__))
DIRECTIONS = ("forward", "backward")
MARKED = 2.0


def torch_operations():
    """What PyTorch calls the operations of ops.json: functions of the list of operands."""
    import torch
    import torch.nn.functional as F

    def scattered(count, modulus):
        return torch.arange(count) * 7 % modulus

    def per_channel(v, x):
        return v.view([1, -1] + [1] * (x.dim() - 2))

    def group_sort(x, size):
        return x.view(*x.shape[:-1], -1, size).sort(-1).values.view(x.shape)

    def maxmin(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((torch.maximum(a, b), torch.minimum(a, b)), -1).view(x.shape)

    stretched = {2: (64, 64), 3: (64, 64, 32), 4: (64, 64, 32, 32)}
    mask = {}

    def where(a, b):
        if a.shape not in mask:
            mask[a.shape] = (torch.arange(a.numel()) % 3 == 0).view(a.shape)
        return torch.where(mask[a.shape], a, b)

    norm = torch.linalg.vector_norm
    return {
        "neg": lambda x: -x[0],
        "exp": lambda x: torch.exp(x[0]),
        "log": lambda x: torch.log(x[0]),
        "sqrt": lambda x: torch.sqrt(x[0]),
        "rsqrt": lambda x: torch.rsqrt(x[0]),
        "reciprocal": lambda x: torch.reciprocal(x[0]),
        "log1p": lambda x: torch.log1p(x[0]),
        "expm1": lambda x: torch.expm1(x[0]),
        "pow": lambda x: torch.pow(x[0], 1.7),
        "pow_2": lambda x: torch.pow(x[0], 2.0),
        "pow_3": lambda x: torch.pow(x[0], 3.0),
        "pow_half": lambda x: torch.pow(x[0], 0.5),
        "square": lambda x: torch.square(x[0]),
        "abs": lambda x: torch.abs(x[0]),
        "sin": lambda x: torch.sin(x[0]),
        "cos": lambda x: torch.cos(x[0]),
        "tanh": lambda x: torch.tanh(x[0]),
        "sigmoid": lambda x: torch.sigmoid(x[0]),
        "softplus": lambda x: F.softplus(x[0]),
        "relu": lambda x: F.relu(x[0]),
        "leaky_relu": lambda x: F.leaky_relu(x[0], 0.01),
        "prelu": lambda x: F.prelu(x[0], x[1]),
        "elu": lambda x: F.elu(x[0]),
        "selu": lambda x: F.selu(x[0]),
        "celu": lambda x: F.celu(x[0], 1.5),
        "gelu": lambda x: F.gelu(x[0]),
        "gelu_tanh": lambda x: F.gelu(x[0], approximate="tanh"),
        "silu": lambda x: F.silu(x[0]),
        "mish": lambda x: F.mish(x[0]),
        "softsign": lambda x: F.softsign(x[0]),
        "erf": lambda x: torch.erf(x[0]),
        "clip": lambda x: torch.clamp(x[0], -0.5, 0.5),
        "hard_sigmoid": lambda x: F.hardsigmoid(x[0]),
        "hard_swish": lambda x: F.hardswish(x[0]),
        "sign": lambda x: torch.sign(x[0]),
        "scale": lambda x: x[0] * 1.5,
        "shift": lambda x: x[0] + 1.5,
        "add": lambda x: x[0] + x[1],
        "sub": lambda x: x[0] - x[1],
        "mul": lambda x: x[0] * x[1],
        "div": lambda x: x[0] / x[1],
        "maximum": lambda x: torch.maximum(x[0], x[1]),
        "minimum": lambda x: torch.minimum(x[0], x[1]),
        "where": lambda x: where(x[0], x[1]),
        "add_row": lambda x: x[0] + x[1],
        "mul_row": lambda x: x[0] * x[1],
        "sum": lambda x: x[0].sum(),
        "mean": lambda x: x[0].mean(),
        "max": lambda x: x[0].max(),
        "sum_last": lambda x: x[0].sum(-1),
        "sum_first": lambda x: x[0].sum(0),
        "max_last": lambda x: x[0].max(-1).values,
        "min_last": lambda x: x[0].min(-1).values,
        "logsumexp_last": lambda x: torch.logsumexp(x[0], -1),
        "softmax": lambda x: F.softmax(x[0], -1),
        "log_softmax": lambda x: F.log_softmax(x[0], -1),
        "variance_last": lambda x: x[0].var(-1, unbiased=False),
        "l1_norm_last": lambda x: norm(x[0], 1, -1),
        "l2_norm_last": lambda x: norm(x[0], 2, -1),
        "linf_norm_last": lambda x: norm(x[0], float("inf"), -1),
        "l2_normalise": lambda x: F.normalize(x[0], dim=-1),
        "cumsum_last": lambda x: x[0].cumsum(-1),
        "flip_last": lambda x: x[0].flip(-1),
        "sort_last": lambda x: x[0].sort(-1).values,
        "top_k_last": lambda x: x[0].topk(5, -1).values,
        "group_sort": lambda x: group_sort(x[0], 4),
        "maxmin": lambda x: maxmin(x[0]),
        "reshape": lambda x: x[0].reshape(-1),
        "transpose": lambda x: x[0].transpose(-1, -2).contiguous(),
        "permute": lambda x: x[0].permute(0, 2, 3, 1).contiguous(),
        "broadcast_to": lambda x: x[0].expand(stretched[x[0].dim()]).contiguous(),
        "slice": lambda x: x[0][..., 1:-1].contiguous(),
        "slice_step": lambda x: x[0][..., ::2].contiguous(),
        "pad": lambda x: F.pad(x[0], (1, 1)),
        "pad_reflect": lambda x: F.pad(x[0], (1, 1, 1, 1), mode="reflect"),
        "pad_replicate": lambda x: F.pad(x[0], (1, 1, 1, 1), mode="replicate"),
        "concat": lambda x: torch.cat((x[0], x[0]), 1),
        "gather_last": lambda x: x[0].index_select(-1, scattered(x[0].shape[-1], x[0].shape[-1])),
        "gather_first": lambda x: x[0].index_select(0, scattered(64, 64)),
        "pick": lambda x: x[0].gather(1, scattered(x[0].shape[0], 64)[:, None])[:, 0],
        "repeat_last": lambda x: x[0].repeat_interleave(2, -1),
        "tile_last": lambda x: x[0].repeat([1] * (x[0].dim() - 1) + [2]),
        "layer_norm": lambda x: F.layer_norm(x[0], x[0].shape[-1:], x[1], x[2]),
        "group_norm": lambda x: F.group_norm(x[0], 8, x[1], x[2]),
        "instance_norm": lambda x: F.instance_norm(x[0], weight=x[1], bias=x[2]),
        "channel_affine": lambda x: x[0] * per_channel(x[1], x[0]) + per_channel(x[2], x[0]),
        "batch_norm": lambda x: F.batch_norm(x[0], x[3], x[4], x[1], x[2]),
        "batch_norm_training": lambda x: F.batch_norm(x[0], None, None, x[1], x[2], training=True),
        "matmul": lambda x: x[0] @ x[1],
        "dense": lambda x: F.linear(x[0], x[1], x[2]),
        "attention": lambda x: torch.softmax(x[0] @ x[1].transpose(-1, -2) / x[0].shape[-1] ** 0.5, -1) @ x[2],
        "einsum": lambda x: torch.einsum("nij,njk->nki", x[0], x[1]).contiguous(),
        "conv1d": lambda x: F.conv1d(x[0], x[1], x[2], padding=1),
        "conv2d": lambda x: F.conv2d(x[0], x[1], x[2], padding=1),
        "conv_transpose1d": lambda x: F.conv_transpose1d(x[0], x[1], x[2], padding=1),
        "conv_transpose2d": lambda x: F.conv_transpose2d(x[0], x[1], x[2], padding=1),
        "max_pool1d": lambda x: F.max_pool1d(x[0], 2),
        "avg_pool1d": lambda x: F.avg_pool1d(x[0], 2),
        "max_pool2d": lambda x: F.max_pool2d(x[0], 2),
        "avg_pool2d": lambda x: F.avg_pool2d(x[0], 2),
        "global_max_pool2d": lambda x: F.adaptive_max_pool2d(x[0], 1),
        "global_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x[0], 1),
        "resize_nearest": lambda x: F.interpolate(x[0], scale_factor=2, mode="nearest"),
        "resize_bilinear": lambda x: F.interpolate(x[0], scale_factor=2, mode="bilinear", align_corners=False),
        "pixel_shuffle": lambda x: F.pixel_shuffle(x[0], 2),
    }


def listed_cases():
    """Cases of ops.json by the name that ops.cpp gives them."""
    with open(os.path.join(HERE, "ops.json"), encoding="utf-8") as file:
        listed = json.load(file)
    return {operation["name"] + "/" + "x".join(map(str, shapes[0])): (operation, shapes)
            for operation in listed["operations"] for shapes in listed["sizes"][operation["sizes"]]}


def torch_worker(seconds):
    """Reads names of cases with a direction, answers with microseconds per call."""
    import time
    import torch
    torch.set_num_threads(1)
    operations, cases = torch_operations(), listed_cases()

    def filled(shape, positive, start):
        count = 1
        for length in shape:
            count *= length
        u = torch.frac((torch.arange(count, dtype=torch.float64) + start) * 0.6180339887498949)
        return (0.5 + u if positive else 2 * u - 1).to(torch.float32).view(shape)

    def make(name, direction):
        operation, shapes = cases[name]
        f, positive = operations[operation["name"]], operation.get("positive", False)
        x = [filled(shape, positive, k) for k, shape in enumerate(shapes)]
        if direction == "forward":
            def step():
                with torch.no_grad():
                    f(x)
            return step
        wanted = x[:len(x) - operation.get("constants", 0)]
        cotangent = filled(f(x).shape, positive, 3)
        for t in wanted:
            t.requires_grad_()
        return lambda: torch.autograd.grad(f(x), wanted, cotangent)

    for line in sys.stdin:
        name, direction = line.strip().rsplit("/", 1)
        step = make(name, direction)
        step()
        start, count = time.process_time(), 0
        while count == 0 or time.process_time() - start < seconds:
            step()
            count += 1
        print((time.process_time() - start) / count * 1e6, flush=True)


def environment():
    """Of both sides: one thread, and nothing that chooses BLAS kernels."""
    unset = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {**{k: v for k, v in os.environ.items() if k not in unset}, "OPENBLAS_NUM_THREADS": "1"}


def taut_times(program, name, seconds):
    output = subprocess.run([program, f"--benchmark_filter=^{name}/", "--benchmark_format=json",
                             f"--benchmark_min_time={seconds}"], capture_output=True, text=True, check=True,
                            env=environment()).stdout
    times = {b["name"].rsplit("/", 1)[1]: b["cpu_time"] for b in json.loads(output)["benchmarks"]}
    return [times[direction] for direction in DIRECTIONS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/ops")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--filter", default="", help="regular expression: only these cases")
    parser.add_argument("--seconds", type=float, default=0.05, help="least time of one measurement")
    parser.add_argument("--torch-worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_worker:
        return torch_worker(args.seconds)
    try:
        theirs = set(torch_operations())
    except ImportError:
        sys.exit("PyTorch is not installed for this Python (Debian: python3-torch, /usr/bin/python3); nothing to compare")
    ours = {line.split("/")[0] for line in
            subprocess.run([args.program, "--benchmark_list_tests"], capture_output=True, text=True, check=True,
                           env=environment()).stdout.split()}
    cases = {name: case for name, case in listed_cases().items() if re.search(args.filter, name)}
    names = [name for name, (operation, _) in cases.items() if operation["name"] in ours & theirs]
    absent = sorted({operation["name"] for operation, _ in cases.values()} - (ours & theirs))

    worker = subprocess.Popen([sys.executable, __file__, "--torch-worker", "--seconds", str(args.seconds)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**environment(), **MALLOC})
    rows = []
    for name in names:
        rounds = []  # per round: per direction (Taut, PyTorch)
        for _ in range(args.rounds):
            taut, torch = taut_times(args.program, name, args.seconds), []
            for direction in DIRECTIONS:
                worker.stdin.write(f"{name}/{direction}\n")
                worker.stdin.flush()
                torch.append(float(worker.stdout.readline()))
            rounds.append(list(zip(taut, torch)))
        columns = []
        for k in range(len(DIRECTIONS)):
            columns.append((statistics.median(r[k][0] for r in rounds), statistics.median(r[k][1] for r in rounds),
                            statistics.median(r[k][0] / r[k][1] for r in rounds)))
        rows.append((max(c[2] for c in columns), name, columns))
        print(f"{name}: {columns[0][2]:.2f} {columns[1][2]:.2f}", file=sys.stderr, flush=True)
    worker.stdin.close()
    worker.wait()

    print(f"float32, one thread, microseconds of processor time, medians of {args.rounds} rounds in turn; "
          f"ratio = Taut / PyTorch, above {MARKED:g} marked\n")
    print("| operation | shape | forward: Taut | PyTorch | ratio | forward + backward: Taut | PyTorch | ratio | |")
    print("|---|---|---|---|---|---|---|---|---|")
    for worst, name, columns in sorted(rows, reverse=True):
        cells = " | ".join(f"{ours:.1f} | {theirs:.1f} | {ratio:.2f}" for ours, theirs, ratio in columns)
        print(f"| {name.replace('/', ' | ')} | {cells} | {'slow' if worst > MARKED else ''} |")
    if absent:
        print(f"\nOn one side only: {', '.join(absent)}")


if __name__ == "__main__":
    main()
