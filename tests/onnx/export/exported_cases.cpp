#include "tests/onnx/export/exported_cases.h"

#include "autodiff/error.h"
#include "autodiff/primitive.h"
#include "autodiff/registry.h"
#include "nn/attention.h"
#include "nn/constrained.h"
#include "nn/conv1d.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/norms.h"
#include "nn/resize.h"
#include "nn/sequential.h"

namespace taut::test {
namespace {

using nn::AnyModule;
using nn::Random;

// A module without parameters.
template <class M>
std::function<AnyModule(Random&, DType)> fixed(M module) {
  return [module](Random&, DType) { return AnyModule(module); };
}

Shape images(Index channels = 4) { return {1, channels, 6, 7}; }

std::vector<ModuleCase> activations() {
  const Shape shape{1, 6};
  return {
      {"ReLU", shape, fixed(nn::ReLU())},
      {"LeakyReLU", shape, fixed(nn::LeakyReLU())},
      {"LeakyReLU falling", shape, fixed(nn::LeakyReLU(-0.3))},
      {"Tanh", shape, fixed(nn::Tanh())},
      {"Sigmoid", shape, fixed(nn::Sigmoid())},
      {"Softplus", shape, fixed(nn::Softplus())},
      {"Abs", shape, fixed(nn::Abs())},
      {"GELU", shape, fixed(nn::GELU())},
      {"SiLU", shape, fixed(nn::SiLU())},
      {"Mish", shape, fixed(nn::Mish())},
      {"Softsign", shape, fixed(nn::Softsign())},
      {"HardSwish", shape, fixed(nn::HardSwish())},
      {"HardSigmoid", shape, fixed(nn::HardSigmoid())},
      {"Hardtanh", shape, fixed(nn::Hardtanh())},
      {"ELU", shape, fixed(nn::ELU(0.7))},
      {"SELU", shape, fixed(nn::SELU())},
      {"CELU", shape, fixed(nn::CELU(0.7))},
      {"PReLU", shape, [](Random&, DType dtype) { return nn::PReLU(1, 0.2, dtype); }},
      {"PReLU of channels", images(), [](Random&, DType dtype) { return nn::PReLU(4, 0.2, dtype); }},
      {"GroupSort", {1, 12}, fixed(nn::GroupSort(3))},
      {"MaxMin", images(), fixed(nn::MaxMin())},
      {"Dropout", shape, fixed(nn::Dropout())},
      {"Flatten", images(), fixed(nn::Flatten())},
  };
}

std::vector<ModuleCase> layers() {
  return {
      {"Linear", {1, 5}, [](Random& r, DType t) { return nn::Linear(5, 3, r, {.dtype = t}); }},
      {"Linear without bias",
       {1, 5},
       [](Random& r, DType t) { return nn::Linear(5, 3, r, {.bias = false, .dtype = t}); }},
      {"Linear on tokens", {1, 4, 5}, [](Random& r, DType t) { return nn::Linear(5, 3, r, {.dtype = t}); }},
      {"Conv2d", images(),
       [](Random& r, DType t) {
         return nn::Conv2d(4, 6, {3, 3}, r, {}, {.dtype = t});
       }},
      {"Conv2d strided", images(),
       [](Random& r, DType t) {
         return nn::Conv2d(4, 6, {3, 2}, r, {.stride = {2, 1}, .padding = {1, 0, 2, 1}, .groups = 2}, {.dtype = t});
       }},
      {"Conv2d dilated", images(),
       [](Random& r, DType t) {
         return nn::Conv2d(4, 3, {2, 3}, r, {.dilation = {2, 2}, .padding = {1, 1, 2, 2}}, {.bias = false, .dtype = t});
       }},
      {"ConvTranspose2d", images(),
       [](Random& r, DType t) {
         return nn::ConvTranspose2d(4, 6, {3, 3}, r, {{.stride = {2, 2}, .padding = {1, 0, 1, 1}, .groups = 2}, {1, 0}},
                                    {.dtype = t});
       }},
      {"Conv1d",
       {1, 4, 9},
       [](Random& r, DType t) {
         return nn::Conv1d(4, 6, 3, r, {.stride = 2, .padding = {1, 0}}, {.dtype = t});
       }},
      {"ConvTranspose1d",
       {1, 4, 5},
       [](Random& r, DType t) {
         return nn::ConvTranspose1d(4, 6, 3, r, {{.stride = 2}, 1}, {.dtype = t});
       }},
      {"MaxPool2d", images(), fixed(nn::MaxPool2d(2))},
      {"MaxPool2d overlapping", images(),
       fixed(nn::MaxPool2d(Pool2dOptions{.window = {3, 2}, .stride = {1, 2}, .padding = {1, 1, 0, 1}}))},
      {"MaxPool2d rounding up", {1, 2, 5, 5}, fixed(nn::MaxPool2d(Pool2dOptions{.ceil_mode = true}))},
      {"AvgPool2d", images(), fixed(nn::AvgPool2d(2))},
      {"AvgPool2d padded", images(), fixed(nn::AvgPool2d(Pool2dOptions{.padding = {1, 1, 1, 0}}))},
      {"AvgPool2d without padding", images(),
       fixed(nn::AvgPool2d(Pool2dOptions{.padding = {1, 1, 1, 0}, .ceil_mode = true, .count_padding = false}))},
      {"MaxPool1d", {1, 3, 8}, fixed(nn::MaxPool1d(2))},
      {"AvgPool1d", {1, 3, 8}, fixed(nn::AvgPool1d(2))},
      {"GlobalAvgPool", images(), fixed(nn::GlobalAvgPool())},
      {"Upsample nearest", images(), fixed(nn::Upsample(2))},
      {"Upsample bilinear", images(), fixed(nn::Upsample(2, nn::Resize::bilinear))},
      {"BatchNorm2d", images(), [](Random&, DType t) { return nn::BatchNorm2d(4, {.dtype = t}); }},
      {"BatchNorm1d", {1, 4}, [](Random&, DType t) { return nn::BatchNorm1d(4, {.dtype = t}); }},
      {"LayerNorm", {1, 3, 8}, [](Random&, DType t) { return nn::LayerNorm(Shape{8}, {.dtype = t}); }},
      {"LayerNorm of two axes",
       {1, 3, 8},
       [](Random&, DType t) {
         return nn::LayerNorm(Shape{3, 8}, {.dtype = t});
       }},
      {"GroupNorm", images(), [](Random&, DType t) { return nn::GroupNorm(2, 4, {.dtype = t}); }},
      {"InstanceNorm2d", images(), [](Random&, DType t) { return nn::InstanceNorm2d(4, {.dtype = t}); }},
  };
}

std::vector<ModuleCase> networks() {
  const auto conv = [](Index in, Index out, Random& r, DType t) {
    return nn::Conv2d(in, out, {3, 3}, r, {.padding = {1, 1, 1, 1}}, {.dtype = t});
  };
  return {
      {"MultiHeadAttention",
       {1, 5, 8},
       [](Random& r, DType t) { return nn::MultiHeadAttention(8, 2, r, {.dtype = t}); }},
      {"MultiHeadAttention causal",
       {1, 5, 8},
       [](Random& r, DType t) { return nn::MultiHeadAttention(8, 2, r, {.causal = true, .dtype = t}); }},
      {"L2SelfAttention", {1, 5, 8}, [](Random& r, DType t) { return nn::L2SelfAttention(8, 2, r, {.dtype = t}); }},
      {"perceptron",
       {1, 7},
       [](Random& r, DType t) {
         return nn::Sequential{nn::Linear(7, 9, r, {.dtype = t}), nn::ReLU(), nn::Linear(9, 8, r, {.dtype = t}),
                               nn::Tanh(), nn::Linear(8, 3, r, {.dtype = t})};
       }},
      {"convolutional", images(2),
       [conv](Random& r, DType t) {
         return nn::Sequential{conv(2, 4, r, t), nn::BatchNorm2d(4, {.dtype = t}),  nn::ReLU(), nn::MaxPool2d(2),
                               nn::Flatten(),    nn::Linear(36, 3, r, {.dtype = t})};
       }},
      {"Residual", images(),
       [conv](Random& r, DType t) {
         return nn::Residual(nn::Sequential{conv(4, 4, r, t), nn::ReLU(), conv(4, 4, r, t)});
       }},
      {"Residual with shortcut", images(),
       [conv](Random& r, DType t) { return nn::Residual(conv(4, 2, r, t), conv(4, 2, r, t)); }},
      {"Concat", images(),
       [conv](Random& r, DType t) {
         return nn::Concat({conv(4, 2, r, t), nn::ReLU()});
       }},
      {"Add", images(),
       [conv](Random& r, DType t) {
         return nn::Add({conv(4, 4, r, t), nn::ReLU()});
       }},
      {"transformer block",
       {1, 5, 8},
       [](Random& r, DType t) {
         return nn::Sequential{
             nn::Residual(
                 nn::Sequential{nn::LayerNorm(Shape{8}, {.dtype = t}), nn::MultiHeadAttention(8, 2, r, {.dtype = t})}),
             nn::Residual(nn::Sequential{nn::LayerNorm(Shape{8}, {.dtype = t}), nn::Linear(8, 16, r, {.dtype = t}),
                                         nn::GELU(), nn::Linear(16, 8, r, {.dtype = t})})};
       }},
  };
}

std::vector<ModuleCase> constrained() {
  return {
      {"SpectralConv2d", images(),
       [](Random& r, DType t) {
         return nn::SpectralConv2d(4, 3, {3, 3}, r, {.stride = {2, 2}, .padding = {1, 1, 1, 1}}, {.dtype = t});
       }},
      {"CayleyLinear", {1, 5}, [](Random& r, DType t) { return nn::CayleyLinear(5, 3, r, {.dtype = t}); }},
      {"CayleyConv2d", images(),
       [](Random& r, DType t) {
         return nn::CayleyConv2d(4, 4, {3, 3}, r, {.dtype = t});
       }},
      {"SllLinear", {1, 5}, [](Random& r, DType t) { return nn::SllLinear(5, 7, r, {.dtype = t}); }},
      {"SllLinear on tokens", {1, 3, 5}, [](Random& r, DType t) { return nn::SllLinear(5, 4, r, {.dtype = t}); }},
      {"CplLinear without bias",
       {1, 5},
       [](Random& r, DType t) { return nn::CplLinear(5, 7, r, {.bias = false, .dtype = t}); }},
      {"CplConv2d", images(),
       [](Random& r, DType t) {
         return nn::CplConv2d(4, 3, {3, 1}, r, {.dtype = t});
       }},
      {"Householder", images(), [](Random&, DType t) { return nn::Householder(4, t); }},
      {"Householder of vectors", {1, 6}, [](Random&, DType t) { return nn::Householder(6, t); }},
      {"FullSort", {1, 6}, fixed(nn::FullSort())},
      {"PixelUnshuffle", {1, 2, 4, 6}, fixed(nn::PixelUnshuffle(2))},
  };
}

// "slope 0.125 (2, 3)" as "slope_0.125_2_3".
std::string file_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool kept =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
    if (kept)
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  return name;
}

template <class P>
void add_cases(std::vector<PrimitiveCase>& cases) {
  const std::string op(describe<P>().name);
  int index = 0;
  std::vector<harness::Sample> samples = harness::samples<P>();
  for (harness::Sample& sample : samples) {
    harness::Random random(op + "/export/" + sample.name);
    harness::Inputs inputs = harness::draw_smooth(sample, random);
    const std::string name = cat(op, '.', index++, '.', file_name(sample.name));
    cases.push_back({op, name, std::move(sample), std::move(inputs)});
  }
}

template <class... P>
void add_all(std::vector<PrimitiveCase>& cases, PrimitiveList<P...>) {
  (add_cases<P>(cases), ...);
}

}  // namespace

AnyModule ModuleCase::module(DType dtype) const {
  Random random(29);
  AnyModule module = build(random, dtype);
  for (nn::Parameter* const p : nn::parameters(module))
    if (p->value.shape().rank() == 1) nn::fill_uniform(p->value, 0.5, 1.5, random);
  return module;
}

const std::vector<ModuleCase>& module_cases() {
  static const std::vector<ModuleCase> cases = [] {
    std::vector<ModuleCase> all;
    for (std::vector<ModuleCase>& some : std::vector{activations(), layers(), networks(), constrained()})
      for (ModuleCase& c : some) all.push_back(std::move(c));
    return all;
  }();
  return cases;
}

std::vector<PrimitiveCase> primitive_cases() {
  std::vector<PrimitiveCase> cases;
  add_all(cases, Primitives());
  return cases;
}

}  // namespace taut::test
