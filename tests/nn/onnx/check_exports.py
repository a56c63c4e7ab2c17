#!/usr/bin/env python3
"""check_exports.py PROGRAM FOLDER: what other programs make of the models that Taut exports.

PROGRAM writes them into FOLDER. Every one must pass ONNX's checker, shapes inferred and compared; those of f32 are run
by OpenCV's DNN module where it has the operators, with the output of Taut within 1e-5 of the largest number.
"""
import collections
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
    sys.exit(f"{error}: install python3-onnx and python3-opencv (scripts/deps.sh test does)")

TYPES = {onnx.TensorProto.FLOAT: numpy.float32, onnx.TensorProto.DOUBLE: numpy.float64}

# What OpenCV 4.6 cannot do with operators that it accepts or refuses, for which a model is not run there.
OPENCV_LACKS = {
