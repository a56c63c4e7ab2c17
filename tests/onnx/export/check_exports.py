#!/usr/bin/env python3
"""check_exports.py PROGRAM FOLDER: what other programs make of the models that Taut exports.

PROGRAM writes them into FOLDER. Every one must pass ONNX's checker with its shapes inferred. Those of f32 are run by
OpenCV's DNN module, whose outputs must be those of Taut up to 1e-5 of the largest number. What OpenCV refuses, and what
it is known to compute differently, is listed with the reason.
"""
import collections
import os
import pathlib
import shutil
import subprocess
import sys

try:
    import cv2
    import numpy
    import onnx
    from onnx import shape_inference
except ImportError as error:
    sys.exit(f"{error}: this test needs python3-onnx and python3-opencv of the system; scripts/deps.sh test installs them")

TOLERANCE = 1e-5

# Operators and modules that OpenCV is known to have: to see all of them refused would mean that nothing was tested.
MUST_AGREE = {
    "Abs", "Add", "AveragePool", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "Div", "Elu", "Erf", "Exp",
    "Gemm", "LeakyRelu", "Log", "MatMul", "MaxPool", "Mul", "Neg", "Pad", "Pow", "PRelu", "ReduceMax", "Relu",
    "Reshape", "Sigmoid", "Slice", "Softmax", "Softplus", "Sqrt", "Sub", "Tanh", "Transpose",
}
NETWORKS_MUST_AGREE = {"perceptron", "convolutional", "Residual", "Residual with shortcut", "Concat", "Add"}


def attribute(node, name, default):
    found = [a for a in node.attribute if a.name == name]
    return onnx.helper.get_attribute_value(found[0]) if found else default


def computed_differently(model):
    """Why OpenCV 4.6 gives other numbers, or none; found by looking at what it does."""
    shapes = {port.name: shape for port, shape in zip(model.graph.input, input_shapes(model))}
    for node in model.graph.node:
        if node.op_type == "AveragePool" and any(attribute(node, "pads", [0])):
            return "averages never count the padding"
        if node.op_type in ("MaxPool", "ConvTranspose") and set(attribute(node, "dilations", [1])) != {1}:
            return f"{node.op_type} knows no dilation"
        if node.op_type == "CumSum":
            return "sums run along the wrong axis"
        operands = [shapes[name] for name in node.input if name in shapes]
        if node.op_type in ("Add", "Sub", "Mul", "Div", "Max", "Min") and operands != operands[:1] * len(operands):
            return "operands that both vary are not broadcast"
    return ""


def input_shapes(model):
    """Of one sample."""
    return [
        [dim.dim_value if dim.HasField("dim_value") else 1 for dim in port.type.tensor_type.shape.dim]
        for port in model.graph.input
    ]


def run_in_opencv(file, inputs):
    """The output as plain numbers; raises what OpenCV says. In a process of its own, since OpenCV 4.6 may crash."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with os.fdopen(writer, "wb") as out:
            try:
                net = cv2.dnn.readNetFromONNX(str(file))
                for name, values in inputs.items():
                    net.setInput(values, name)
                out.write(b"+" + numpy.ascontiguousarray(net.forward(), numpy.float32).tobytes())
            except cv2.error as error:
                out.write(b"-" + (error.err or str(error)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        data = answer.read()
    if os.waitpid(child, 0)[1] != 0 or not data:
        raise RuntimeError("it crashes")
    if data[:1] == b"-":
        raise RuntimeError(" ".join(data[1:].decode(errors="replace").split("error: ")[-1].split())[:110].partition(' "')[0])
    return numpy.frombuffer(data[1:], numpy.float32)


def main(program, folder):
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([program, str(folder)], check=True)
    failures, skipped = [], collections.defaultdict(list)
    agreed, operators, networks = 0, set(), set()
    files = sorted(folder.glob("*.onnx"))
    for file in files:
        name = file.name.removesuffix(".onnx")
        model = onnx.load(str(file))
        try:
            onnx.checker.check_model(model, full_check=True)
            shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        except Exception as error:  # every kind of refusal is one
            failures.append(f"{name}: ONNX's checker says {' '.join(str(error).split())[:300]}")
            continue
        if not name.endswith(".f32"):
            continue
        wanted = numpy.fromfile(folder / f"{name}.out.bin", numpy.float32)
        shapes = input_shapes(model)
        inputs = {}
        for i, (port, shape) in enumerate(zip(model.graph.input, shapes)):
            inputs[port.name] = numpy.fromfile(folder / f"{name}.{i}.bin", numpy.float32).reshape(shape)
        if wanted.size == 0 or any(values.size == 0 for values in inputs.values()):
            skipped["tensors without elements are none to OpenCV"].append(name)
        elif any(len(shape) == 3 for shape in shapes):
            skipped["OpenCV's Python takes the last of three axes for channels"].append(name)
        elif reason := computed_differently(model):
            skipped[reason].append(name)
        else:
            try:
                got = run_in_opencv(file, inputs)
            except RuntimeError as error:
                skipped[f"refused: {error}"].append(name)
                continue
            if got.size != wanted.size:
                failures.append(f"{name}: OpenCV gives {got.size} numbers, Taut {wanted.size}")
                continue
            difference = numpy.abs(got - wanted).max() / max(1.0, numpy.abs(wanted).max())
            if not difference <= TOLERANCE:
                failures.append(f"{name}: OpenCV differs by {difference:.2g}")
                continue
            agreed += 1
            operators |= {node.op_type for node in model.graph.node}
            if name.startswith("module."):
                networks.add(name.split(".")[1])
    print(f"{len(files)} models, {agreed} with equal outputs in OpenCV {cv2.__version__}; not compared:")
    for reason, names in sorted(skipped.items()):
        print(f"  {len(names):4}  {reason}  ({names[0]})")
    for what, missing in (("operator", MUST_AGREE - operators), ("network", NETWORKS_MUST_AGREE - networks)):
        failures += [f"no model with the {what} {one} was compared" for one in sorted(missing)]
    if not files:
        failures.append(f"{program} wrote no models")
    for failure in failures:
        print("FAILED", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
