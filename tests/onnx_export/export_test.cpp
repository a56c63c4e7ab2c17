// What is exported is read back as the same function, with the same bounds.
#include "nn/onnx/export.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <iostream>
#include <set>

#include "autodiff/primitives/registry.h"
#include "harness/numbers.h"
#include "lipschitz/autolip.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/onnx/model.h"
#include "nn/sequential.h"
#include "tests/onnx_export/exported_cases.h"
#include "tests/nn/support.h"

using namespace taut;
using namespace taut::test;

namespace {

namespace onnx = nn::onnx;

constexpr DType both_types[] = {DType::f32, DType::f64};
constexpr Norm all_norms[] = {Norm::l1, Norm::l2, Norm::linf};

Tensor drawn(const Shape& shape, DType dtype, std::uint64_t seed = 5) {
  nn::Random random(seed);
  Tensor x = Tensor::zeros(shape, dtype);
  nn::fill_uniform(x, -1.5, 1.5, random);
  return x;
}

// Largest difference in relation to the largest number.
double distance(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return infinity;
  return a.size() == 0 ? 0.0 : largest_difference(a, b) / std::max(1.0, largest(b));
}

// Ops whose form is recognised only as a composition of others, as ONNX has no word for them, and what that costs: the
// values are those of the composition, so that they may differ in their last digits.
const std::set<std::string> composed{};

std::set<std::string> ops_of(const Tape& tape) {
  std::set<std::string> names;
  for (NodeId id = 0; id < tape.size(); ++id)
    if (tape.node(id).op != nullptr) names.emplace(tape.node(id).name());
  return names;
}

// Empty when the bounds are equal in every norm.
std::string unequal_bounds(const Function& original, const Function& imported, const Tensor& sample) {
  for (const Norm norm : all_norms) {
    AutoLipOptions options;
    options.norm = norm;
    const AutoLipReport a = autolip(original, sample, options), b = autolip(imported, sample, options);
    if (a.bound.value() != b.bound.value() || a.bound.rigour() != b.bound.rigour() || a.status != b.status)
      return cat("in ", to_string(norm), ": ", a.bound.value(), " was exported, ", b.bound.value(), " read back");
  }
  return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(onnx_export)

BOOST_AUTO_TEST_CASE(modules_are_read_back_as_they_were) {
  for (const DType dtype : both_types)
    for (const ModuleCase& c : module_cases()) {
      nn::AnyModule module = c.module(dtype);
      const Tensor x = drawn(c.sample, dtype);
      for (const int opset : {13, 17}) {
        const onnx::Model model = onnx::Model::of(onnx::to_onnx(module, x, {.opset = opset}));
        const Tensor wanted = module(Var(x)).value(), got = model(Var(x)).value();
        BOOST_TEST(same_bits(got, wanted), c.name << ' ' << dtype << " opset " << opset << ": the values differ by " << distance(got, wanted));
        const std::string unequal = unequal_bounds([&](const Var& v) { return module(v); }, model.function(), x);
        BOOST_TEST(unequal == "", c.name << ' ' << dtype << " opset " << opset << ' ' << unequal);
      }
    }
}

BOOST_AUTO_TEST_CASE(the_axis_of_samples_is_open) {
  for (const ModuleCase& c : module_cases()) {
    nn::AnyModule module = c.module(DType::f64);
    const Tensor batch = drawn(c.sample.with(0, 3), DType::f64);
    const onnx::GraphData graph = onnx::to_onnx(module, batch);
    BOOST_TEST((!graph.inputs[0].shape->front().size && !graph.outputs[0].shape->front().size), c.name);
    const auto found = onnx::evaluate(graph, {{"input", {batch, onnx::ElementType::f64}}});
    BOOST_TEST(distance(found.at("output").tensor, module(Var(batch)).value()) <= 1e-13, c.name);
  }
}

BOOST_AUTO_TEST_CASE(primitives_are_read_back_as_they_were) {
  for (const DType dtype : both_types)
    for (const PrimitiveCase& c : primitive_cases()) {
      const harness::Inputs inputs = harness::to(c.inputs, dtype);
      Tape tape;
      std::vector<Var> on_tape;
      for (const Tensor& x : inputs) on_tape.push_back(tape.input(x));
      const Var y = c.sample.f(on_tape);
      const onnx::GraphData graph = onnx::to_onnx(y);
      std::map<std::string, onnx::Array> given;
      std::vector<std::string> varying;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        varying.push_back(i == 0 ? "input" : cat("input_", i));
        given[varying.back()] = {inputs[i], dtype == DType::f32 ? onnx::ElementType::f32 : onnx::ElementType::f64};
      }
      for (auto it = varying.begin(); it != varying.end();) {
        const auto same = [&](const onnx::GraphPort& port) { return port.name == *it; };
        it = std::ranges::any_of(graph.inputs, same) ? it + 1 : (given.erase(*it), varying.erase(it));
      }
      try {
      const Tensor got = onnx::evaluate(graph, given, varying, c.name).at("output").tensor;
      const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-13;
      if (!same_bits(got, y.value())) std::cout << "BITS " << c.name << ' ' << dtype << ' ' << distance(got, y.value()) << '\n';
      BOOST_TEST((same_bits(got, y.value()) || (composed.contains(c.op) && distance(got, y.value()) <= tolerance)),
                 c.name << ' ' << dtype << ": the values differ by " << distance(got, y.value()));
      } catch (const Error& e) { std::cout << "THROWS " << c.name << ' ' << dtype << ' ' << e.what() << '\n'; }
    }
}

// With the first operand varying, of samples of one sample along axis 0.
BOOST_AUTO_TEST_CASE(primitives_have_the_bounds_they_had) {
  std::set<std::string> seen;
  for (const DType dtype : both_types)
    for (const PrimitiveCase& c : primitive_cases()) {
      const harness::Inputs inputs = harness::to(c.inputs, dtype);
      if (!c.sample.rules || inputs[0].size() == 0) continue;
      const Shape& shape = inputs[0].shape();
      const bool natural = shape.rank() >= 2 && shape[0] == 1;
      if (!natural && shape.rank() > 1) continue;
      const auto f = [&](const Var& x) {
        std::vector<Var> operands{x};
        for (std::size_t i = 1; i < inputs.size(); ++i) operands.push_back(Tape::of(x) != nullptr ? Tape::of(x)->constant(inputs[i]) : Var(inputs[i]));
        return c.sample.f(operands);
      };
      Tape tape;
      const Var y = f(tape.input(inputs[0]));
      try {
        const onnx::Model model = onnx::Model::of(onnx::to_onnx(y));
        Tape again;
        model(again.input(model.sample()));
        if (ops_of(again).contains(c.op)) seen.insert(c.op);
        else std::cout << "OP " << c.name << ' ' << dtype << '\n';
        const auto same = [&](const Var& x) {
          if (natural && y.shape().rank() >= 2 && y.shape()[0] == 1) return f(x);
          const Var v = f(reshape(x, shape));
          return natural && v.shape().rank() >= 2 && v.shape()[0] == 1 ? v : reshape(v, Shape{1, v.shape().size()});
        };
        const std::string unequal = unequal_bounds(same, model.function(), model.sample());
        if (unequal != "") std::cout << "BOUND " << c.name << ' ' << dtype << ' ' << unequal << '\n';
      } catch (const Error& e) {
        std::cout << "THROWS " << c.name << ' ' << dtype << ' ' << e.what() << '\n';
      }
    }
  for (const PrimitiveCase& c : primitive_cases())
    if (!seen.contains(c.op)) { std::cout << "UNSEEN " << c.op << '\n'; seen.insert(c.op); }
}

BOOST_AUTO_TEST_SUITE_END()
