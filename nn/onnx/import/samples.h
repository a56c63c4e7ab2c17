// The proof that samples of a batch stay apart in a program. Internal to nn/onnx.
//
// A program was learned with N samples along an axis of its inputs. The axis is followed through Primitive::sample_axis
// of everything that its steps record, at the sizes of the file: then sample i of a result depends on sample i of the
// inputs alone, so that the Jacobian of the whole is block diagonal. The blocks are one function where no sample meets
// a constant that another does not meet. That function is the program run with one sample: what is computed from shapes
// stays what it is with N samples, shapes of results count one sample, and every step must give the shape that it had,
// with 1 in place of N — which fails where a constant has an extent of N along the samples, unless its slices are
// equal, one of which then stands for all.
#pragma once

#include <span>
#include <string>

#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {

struct Separation {
  bool proved = false;      // the program may be run with one sample
  bool in_batches = false;  // and with any number of them at once
  std::string reason;       // why it is not proved, "node 4 'sum' (ReduceSum) lets ... "
};

// `axes`: of the inputs of a learned program that vary, in their order; along each lie N samples, N ≥ 1. With N = 1
// there is one sample in any case, and what is proved is that several can be computed at once. Sets the sample axes of
// values and what repeats for every sample.
Separation separate(Program& program, std::span<const int> axes, Index samples);

// Do two programs of one graph, separated with different numbers of samples, compute the same function of one sample?
// "" if so, else where they differ.
std::string difference(const Program& a, const Program& b);

}  // namespace taut::nn::onnx
