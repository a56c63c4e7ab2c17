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
Var per_channel(const Var& v, const Var& x) {
  return reshape(v, x.shape().rank() == 2 ? Shape{64} : x.shape().rank() == 3 ? Shape{64, 1} : Shape{64, 1, 1});
}
std::vector<Index> twice_last(const Shape& shape) {
  std::vector<Index> repeats(static_cast<std::size_t>(shape.rank()), 1);
  repeats.back() = 2;
  return repeats;
}
// A condition that is made once, as PyTorch's is.
const Tensor& every_third(const Shape& shape) {
  static std::map<Index, Tensor> masks;
  Tensor& mask = masks[shape.size()];
  if (!mask.defined()) {
    mask = Tensor::zeros(shape, DType::f32);
    for (Index i = 0; i < shape.size(); i += 3) mask.mutable_data<float>()[static_cast<std::size_t>(i)] = 1.0F;
  }
  return mask;
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
    {"prelu", [](In x) { return prelu(x[0], per_channel(x[1], x[0])); }},
    {"elu", [](In x) { return elu(x[0]); }},
    {"selu", [](In x) { return selu(x[0]); }},
    {"celu", [](In x) { return celu(x[0], 1.5); }},
    {"gelu", [](In x) { return gelu(x[0]); }},
    {"gelu_tanh", [](In x) { return gelu_tanh(x[0]); }},
    {"silu", [](In x) { return silu(x[0]); }},
    {"mish", [](In x) { return mish(x[0]); }},
    {"softsign", [](In x) { return softsign(x[0]); }},
    {"erf", [](In x) { return erf(x[0]); }},
    {"expm1", [](In x) { return expm1(x[0]); }},
    {"log1p", [](In x) { return log1p(x[0]); }},
    {"rsqrt", [](In x) { return rsqrt(x[0]); }},
    {"reciprocal", [](In x) { return reciprocal(x[0]); }},
    {"pow", [](In x) { return pow(x[0], 1.7); }},
    {"pow_2", [](In x) { return pow(x[0], 2.0); }},
    {"pow_3", [](In x) { return pow(x[0], 3.0); }},
    {"pow_half", [](In x) { return pow(x[0], 0.5); }},
    {"clip", [](In x) { return clip(x[0], -0.5, 0.5); }},
    {"hard_sigmoid", [](In x) { return hard_sigmoid(x[0]); }},
    {"hard_swish", [](In x) { return hard_swish(x[0]); }},
    {"sign", [](In x) { return sign(x[0]); }},
    {"scale", [](In x) { return scale(x[0], 1.5); }},
    {"shift", [](In x) { return shift(x[0], 1.5); }},
    {"add", [](In x) { return add(x[0], x[1]); }},
    {"sub", [](In x) { return sub(x[0], x[1]); }},
    {"mul", [](In x) { return mul(x[0], x[1]); }},
    {"div", [](In x) { return div(x[0], x[1]); }},
    {"maximum", [](In x) { return maximum(x[0], x[1]); }},
    {"minimum", [](In x) { return minimum(x[0], x[1]); }},
    {"where", [](In x) { return where(every_third(x[0].shape()), x[0], x[1]); }},
    {"add_row", [](In x) { return add(x[0], x[1]); }},
    {"mul_row", [](In x) { return mul(x[0], x[1]); }},
    {"sum", [](In x) { return sum(x[0]); }},
    {"mean", [](In x) { return mean(x[0]); }},
    {"max", [](In x) { return max(x[0]); }},
    {"sum_last", [](In x) { return sum(x[0], {-1}); }},
    {"sum_first", [](In x) { return sum(x[0], {0}); }},
    {"max_last", [](In x) { return max(x[0], {-1}); }},
    {"min_last", [](In x) { return min(x[0], {-1}); }},
    {"variance_last", [](In x) { return variance(x[0], {-1}); }},
    {"l1_norm_last", [](In x) { return l1_norm(x[0], {-1}); }},
    {"l2_norm_last", [](In x) { return l2_norm(x[0], {-1}); }},
    {"linf_norm_last", [](In x) { return linf_norm(x[0], {-1}); }},
    {"l2_normalise", [](In x) { return l2_normalise(x[0]); }},
    {"layer_norm", [](In x) { return layer_norm(x[0], x[1], x[2]); }},
    {"group_norm", [](In x) { return group_norm(x[0], 8, x[1], x[2]); }},
    {"instance_norm", [](In x) { return instance_norm(x[0], x[1], x[2]); }},
    {"cumsum_last", [](In x) { return cumsum(x[0], -1); }},
    {"flip_last", [](In x) { return flip(x[0], -1); }},
    {"sort_last", [](In x) { return sort(x[0]); }},
    {"top_k_last", [](In x) { return top_k(x[0], 5); }},
    {"group_sort", [](In x) { return group_sort(x[0], 4, -1); }},
    {"maxmin", [](In x) { return maxmin(x[0], -1); }},
    {"logsumexp_last", [](In x) { return logsumexp(x[0], {-1}); }},
    {"softmax", [](In x) { return softmax(x[0]); }},
    {"log_softmax", [](In x) { return log_softmax(x[0]); }},
    {"matmul", [](In x) { return matmul(x[0], x[1]); }},
    {"dense", [](In x) { return dense(x[0], x[1], x[2]); }},
    {"attention", [](In x) { return attention(x[0], x[1], x[2]); }},
    {"einsum", [](In x) { return einsum("nij,njk->nki", x[0], x[1]); }},
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
    {"pad_reflect", [](In x) { return pad(pad(x[0], -1, 1, 1, PadMode::reflect), -2, 1, 1, PadMode::reflect); }},
    {"pad_replicate", [](In x) { return pad(pad(x[0], -1, 1, 1, PadMode::edge), -2, 1, 1, PadMode::edge); }},
    {"repeat_last", [](In x) { return repeat(x[0], -1, 2); }},
    {"tile_last", [](In x) { return tile(x[0], twice_last(x[0].shape())); }},
    {"concat",
     [](In x) {
       return concat({x[0], x[0]}, 1);
     }},
    {"gather_last", [](In x) { return gather(x[0], -1, scattered(last(x[0]), last(x[0]))); }},
    {"gather_first", [](In x) { return gather(x[0], 0, scattered(64, 64)); }},
    {"pick", [](In x) { return pick(x[0], scattered(x[0].shape()[0], 64)); }},
    {"conv2d", [](In x) { return conv2d(x[0], x[1], x[2], padded); }},
    {"conv_transpose2d", [](In x) { return conv_transpose2d(x[0], x[1], x[2], padded); }},
    {"conv1d",
     [](In x) {
       return conv1d(x[0], x[1], x[2], {.padding = {1, 1}});
     }},
    {"conv_transpose1d",
     [](In x) {
       return conv_transpose1d(x[0], x[1], x[2], {.padding = {1, 1}});
     }},
    {"max_pool1d", [](In x) { return max_pool1d(x[0], {}); }},
    {"avg_pool1d", [](In x) { return avg_pool1d(x[0], {}); }},
    {"global_max_pool2d", [](In x) { return global_max_pool(x[0]); }},
    {"global_avg_pool2d", [](In x) { return global_avg_pool(x[0]); }},
    {"resize_nearest", [](In x) { return resize_nearest(x[0], 2 * last(x[0]), 2 * last(x[0])); }},
    {"resize_bilinear", [](In x) { return resize_bilinear(x[0], 2 * last(x[0]), 2 * last(x[0])); }},
    {"pixel_shuffle", [](In x) { return pixel_shuffle(x[0], 2); }},
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
  for (int k = 0; k < 2; ++k) once();  // the second while the gradients of the first are held, as from then on
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
