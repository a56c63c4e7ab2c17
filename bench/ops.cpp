// Every operation alone, f32, one thread: <op>/<shape of the first operand>/forward computes values; .../backward
// records the operation and takes its vjp with respect to every operand. bench/ops_side_by_side.py runs the same in
// PyTorch.
//
// A new operation is a line here, a line of ops.json and a line there.
#include "autodiff/ops.h"

#include <benchmark/benchmark.h>
#include <cblas.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "autodiff/diff.h"

namespace {

using namespace taut;
using nlohmann::json;

using In = std::span<const Var>;
using Operation = std::function<Var(In)>;

std::vector<Index> scattered(Index count, Index modulus) {
  std::vector<Index> indices;
  for (Index i = 0; i < count; ++i) indices.push_back(i * 7 % modulus);
  return indices;
}
Index last(const Var& x) { return x.shape()[x.shape().rank() - 1]; }
Shape stretched(const Shape& shape) {
  return shape.rank() == 2 ? Shape{64, 64} : shape.rank() == 3 ? Shape{64, 64, 32} : Shape{64, 64, 32, 32};
}

constexpr Conv2dOptions padded{.padding = {1, 1, 1, 1}};
constexpr Pool2dOptions halving{};

const std::map<std::string, Operation> operations{
    {"neg", [](In x) { return neg(x[0]); }},
    {"exp", [](In x) { return exp(x[0]); }},
    {"log", [](In x) { return log(x[0]); }},
    {"sqrt", [](In x) { return sqrt(x[0]); }},
    {"square", [](In x) { return square(x[0]); }},
    {"abs", [](In x) { return abs(x[0]); }},
    {"sin", [](In x) { return sin(x[0]); }},
    {"cos", [](In x) { return cos(x[0]); }},
    {"tanh", [](In x) { return tanh(x[0]); }},
    {"sigmoid", [](In x) { return sigmoid(x[0]); }},
    {"softplus", [](In x) { return softplus(x[0]); }},
    {"relu", [](In x) { return relu(x[0]); }},
    {"leaky_relu", [](In x) { return leaky_relu(x[0], 0.01); }},
    {"sign", [](In x) { return sign(x[0]); }},
    {"scale", [](In x) { return scale(x[0], 1.5); }},
    {"shift", [](In x) { return shift(x[0], 1.5); }},
    {"add", [](In x) { return add(x[0], x[1]); }},
    {"sub", [](In x) { return sub(x[0], x[1]); }},
    {"mul", [](In x) { return mul(x[0], x[1]); }},
    {"div", [](In x) { return div(x[0], x[1]); }},
    {"maximum", [](In x) { return maximum(x[0], x[1]); }},
    {"add_row", [](In x) { return add(x[0], x[1]); }},
    {"mul_row", [](In x) { return mul(x[0], x[1]); }},
    {"sum", [](In x) { return sum(x[0]); }},
    {"mean", [](In x) { return mean(x[0]); }},
    {"max", [](In x) { return max(x[0]); }},
    {"sum_last", [](In x) { return sum(x[0], {-1}); }},
    {"sum_first", [](In x) { return sum(x[0], {0}); }},
    {"max_last", [](In x) { return max(x[0], {-1}); }},
    {"logsumexp_last", [](In x) { return logsumexp(x[0], {-1}); }},
    {"softmax", [](In x) { return softmax(x[0]); }},
    {"log_softmax", [](In x) { return log_softmax(x[0]); }},
    {"matmul", [](In x) { return matmul(x[0], x[1]); }},
    {"dense", [](In x) { return dense(x[0], x[1], x[2]); }},
    {"reshape", [](In x) { return reshape(x[0], {x[0].shape().size()}); }},
    {"transpose", [](In x) { return transpose(x[0]); }},
    {"permute",
     [](In x) {
       return permute(x[0], {0, 2, 3, 1});
     }},
    {"broadcast_to", [](In x) { return broadcast_to(x[0], stretched(x[0].shape())); }},
    {"slice", [](In x) { return slice(x[0], -1, 1, last(x[0]) - 1); }},
    {"slice_step", [](In x) { return slice(x[0], -1, 0, last(x[0]), 2); }},
    {"pad", [](In x) { return pad(x[0], -1, 1, 1); }},
    {"concat",
     [](In x) {
       return concat({x[0], x[0]}, 1);
     }},
    {"gather_last", [](In x) { return gather(x[0], -1, scattered(last(x[0]), last(x[0]))); }},
    {"gather_first", [](In x) { return gather(x[0], 0, scattered(64, 64)); }},
    {"pick", [](In x) { return pick(x[0], scattered(x[0].shape()[0], 64)); }},
    {"conv2d", [](In x) { return conv2d(x[0], x[1], x[2], padded); }},
    {"conv_transpose2d", [](In x) { return conv_transpose2d(x[0], x[1], x[2], padded); }},
    {"max_pool2d", [](In x) { return max_pool2d(x[0], halving); }},
    {"avg_pool2d", [](In x) { return avg_pool2d(x[0], halving); }},
    {"channel_affine", [](In x) { return channel_affine(x[0], x[1], x[2]); }},
    {"batch_norm", [](In x) { return batch_norm(x[0], x[1], x[2], x[3], x[4], 1e-5); }},
    {"batch_norm_training", [](In x) { return batch_norm_training(x[0], x[1], x[2], 1e-5); }},
};

// Numbers without a pattern that both programs can make: the fractional parts of multiples of the golden ratio.
Tensor filled(const Shape& shape, bool positive, double start) {
  Tensor t = Tensor::uninitialised(shape, DType::f32);
  double i = start;
  for (float& x : t.mutable_data<float>()) {
    const double u = i * 0.6180339887498949;
    x = static_cast<float>(positive ? 0.5 + (u - std::floor(u)) : 2 * (u - std::floor(u)) - 1);
    i += 1;
  }
  return t;
}

struct Case {
  Operation f;
  std::vector<Shape> shapes;
  std::size_t constants = 0;  // operands at the end that are not differentiated
  bool positive = false;

  std::vector<Tensor> tensors() const {
    std::vector<Tensor> list;
    for (const Shape& shape : shapes) list.push_back(filled(shape, positive, static_cast<double>(list.size())));
    return list;
  }
};

void forward(benchmark::State& state, const Case& c) {
  const std::vector<Tensor> tensors = c.tensors();
  const std::vector<Var> in(tensors.begin(), tensors.end());
  benchmark::DoNotOptimize(c.f(in));  // once without the clock, for the memory; there too
  for (auto _ : state) benchmark::DoNotOptimize(c.f(in));
}

void backward(benchmark::State& state, const Case& c) {
  const std::vector<Tensor> tensors = c.tensors();
  const std::vector<Var> plain(tensors.begin(), tensors.end());
  const Var cotangent(filled(c.f(plain).shape(), c.positive, 3));
  Tape tape;
  std::vector<Var> in(tensors.size()), gradients(tensors.size() - c.constants);
  const auto once = [&] {
    tape.rewind();
    for (std::size_t k = 0; k < in.size(); ++k)
      in[k] = k < gradients.size() ? tape.input(tensors[k]) : tape.constant(tensors[k]);
    vjp(c.f(in), cotangent, std::span(in).first(gradients.size()), gradients);
    benchmark::DoNotOptimize(gradients);
  };
  once();
  for (auto _ : state) once();
}

std::string text_of(const Shape& shape) {
  std::ostringstream text;
  for (int axis = 0; axis < shape.rank(); ++axis) text << (axis > 0 ? "x" : "") << shape[axis];
  return text.str();
}

void add(const std::string& name, const Case& c) {
  const std::string prefix = name + '/' + text_of(c.shapes[0]);
  benchmark::RegisterBenchmark((prefix + "/forward").c_str(), [c](benchmark::State& state) {
    forward(state, c);
  })->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark((prefix + "/backward").c_str(), [c](benchmark::State& state) {
    backward(state, c);
  })->Unit(benchmark::kMicrosecond);
}

// Operations of ops.json for which there is no line here are not benchmarked; a line that the list lacks is an error.
void add_all() {
  std::ifstream file(TAUT_BENCH_OPERATIONS);
  const json list = json::parse(file);
  std::size_t found = 0;
  for (const json& operation : list.at("operations")) {
    const std::string name = operation.at("name");
    const auto entry = operations.find(name);
    if (entry == operations.end()) continue;
    ++found;
    for (const json& size : list.at("sizes").at(operation.at("sizes").get<std::string>())) {
      Case c{entry->second, {}, operation.value("constants", std::size_t{0}), operation.value("positive", false)};
      for (const json& shape : size) c.shapes.emplace_back(std::span<const Index>(shape.get<std::vector<Index>>()));
      add(name, c);
    }
  }
  if (found != operations.size()) throw std::runtime_error("bench/ops.json lacks an operation of ops.cpp");
}

}  // namespace

int main(int argc, char** argv) {
  openblas_set_num_threads(1);
  try {
    add_all();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
