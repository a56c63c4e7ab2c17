// Exported files: what is in them, parameters by name, and what cannot be exported.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "autodiff/families.h"
#include "autodiff/registry.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/norms.h"
#include "nn/onnx/export.h"
#include "nn/onnx/model.h"
#include "nn/parameters.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

// A user's op, as it compiles without a word about ONNX.
class Halved final : public LinearPrimitive {
 public:
  const OpInfo& info() const override {
    static constexpr OpInfo description{"scale", "x/2", "", ""};  // a name that Taut has
    return description;
  }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType&) const override { return scale(Var(in[0]), 0.5).value(); }
  LinearMap map(const Shape& in, const Shape&) const override { return scale_map(in, 0.5); }
  Var again(const Var& x) const override;
  Var adjoint(const Var& y, const Shape&) const override { return again(y); }
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }
};
template <>
inline constexpr bool taut::is_listed<Halved> = true;
Var Halved::again(const Var& x) const { return record(Where::current(), Halved(), x); }

namespace {

namespace onnx = nn::onnx;
namespace fs = std::filesystem;

// A folder that goes with the test.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / cat("taut_export_", ::getpid())) { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

nn::Sequential small_net(std::uint64_t seed, Index hidden = 4, DType dtype = DType::f32) {
  nn::Random random(seed);
  const nn::LayerOptions options{.dtype = dtype};
  return {nn::Conv2d(1, 2, {3, 3}, random, {}, options),
          nn::BatchNorm2d(2, {.dtype = dtype}),
          nn::ReLU(),
          nn::MaxPool2d(2),
          nn::Flatten(),
          nn::Linear(8, hidden, random, options)};
}
const Tensor image = Tensor::full(Shape{1, 1, 6, 6}, DType::f32, 0.25);

std::vector<std::string> ops_of(const onnx::GraphData& graph) {
  std::vector<std::string> ops;
  for (const onnx::GraphNode& node : graph.nodes) ops.push_back(node.op);
  return ops;
}
bool has(const onnx::GraphData& graph, const std::string& op) {
  const std::vector<std::string> ops = ops_of(graph);
  return std::ranges::find(ops, op) != ops.end();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(onnx_export_files)

BOOST_AUTO_TEST_CASE(every_primitive_has_a_form) {
  std::string without;
  for (const OpInfo* op : registry())
    if (onnx::onnx_form(*op).empty()) without += cat(without.empty() ? "" : ", ", op->name);
  BOOST_TEST_MESSAGE("primitives without an ONNX form: " << (without.empty() ? "none" : without));
  BOOST_TEST(without == "");
}

BOOST_AUTO_TEST_CASE(a_net_is_a_chain_of_the_operators_that_other_tools_know) {
  nn::Sequential net = small_net(1);
  const onnx::GraphData graph = onnx::to_onnx(net, image);
  const std::vector<std::string> wanted{"Conv", "BatchNormalization", "Relu", "MaxPool", "Reshape", "Gemm"};
  BOOST_TEST(ops_of(graph) == wanted, boost::test_tools::per_element());
  BOOST_TEST(graph.opsets.at("") == 13);
  BOOST_TEST(graph.inputs.at(0).name == "input");
  BOOST_TEST(graph.outputs.at(0).name == "output");
  for (const nn::NamedParameter& p : nn::named_parameters(net)) {
    const auto found = std::ranges::find(graph.initialisers, p.path, &std::pair<std::string, onnx::Array>::first);
    BOOST_REQUIRE((found != graph.initialisers.end()));
    BOOST_TEST(same_bits(found->second.tensor, p.parameter->value), p.path);
  }
}

BOOST_AUTO_TEST_CASE(newer_opsets_are_used_where_they_are_asked_for_or_needed) {
  nn::LayerNorm norm(Shape{4});
  const Tensor x = Tensor::zeros(Shape{1, 4}, DType::f32);
  BOOST_TEST(has(onnx::to_onnx(norm, x), "ReduceMean"));
  BOOST_TEST(has(onnx::to_onnx(norm, x, {.opset = 17}), "LayerNormalization"));
  nn::HardSwish swish;
  BOOST_TEST(has(onnx::to_onnx(swish, x), "Clip"));
  const onnx::GraphData wide = onnx::to_onnx(swish, x.to(DType::f64));
  BOOST_TEST(has(wide, "HardSwish"));
  BOOST_TEST(wide.opsets.at("") == 14);
  TAUT_CHECK_THROWS(UsageError, onnx::to_onnx(swish, x, {.opset = 12}), "13 to 17", "got 12");
  TAUT_CHECK_THROWS(UsageError, onnx::to_onnx(swish, x, {.opset = 18}), "got 18");
}

BOOST_AUTO_TEST_CASE(a_saved_net_is_loaded_and_its_parameters_go_into_another_of_its_kind) {
  const Folder folder;
  const fs::path file = folder / "net.onnx";
  nn::Sequential net = small_net(1), other = small_net(2);
  onnx::save(net, image, file);
  const Tensor wanted = net(Var(image)).value();
  BOOST_TEST(same_bits(onnx::Model::load(file)(Var(image)).value(), wanted));
  BOOST_TEST(!same_bits(other(Var(image)).value(), wanted));
  onnx::load_parameters(other, file);
  BOOST_TEST(same_bits(other(Var(image)).value(), wanted));

  // Nothing is changed by an error, whichever parameter it is about.
  nn::Sequential wider = small_net(3, 5);
  const Tensor before = wider(Var(image)).value();
  TAUT_CHECK_THROWS(ShapeError, onnx::load_parameters(wider, file), "net.onnx", "'5.weight'", "(5, 8)", "(4, 8)");
  BOOST_TEST(same_bits(wider(Var(image)).value(), before));
  nn::Sequential longer = small_net(3);
  nn::Random random(4);
  longer.add(nn::Linear(4, 4, random));
  TAUT_CHECK_THROWS(FileError, onnx::load_parameters(longer, file), "no initialiser '6.weight'", "same architecture");
  nn::Sequential in_f64 = small_net(3, 4, DType::f64);
  TAUT_CHECK_THROWS(DTypeError, onnx::load_parameters(in_f64, file), "'0.weight'", "f64", "float");
  TAUT_CHECK_THROWS(FileError, onnx::load_parameters(net, folder / "none.onnx"), "no such file");
  TAUT_CHECK_THROWS(FileError, onnx::save(net, image, folder / "none/net.onnx"), "cannot be written");
  net[0].as<nn::Conv2d>().bias.value = Tensor::full(Shape{2}, DType::f32, infinity);
  onnx::save(net, image, file);
  TAUT_CHECK_THROWS(NumericError, onnx::load_parameters(other, file), "'0.bias'", "finite", "element 0 is inf");
}

BOOST_AUTO_TEST_CASE(a_tape_keeps_its_labels) {
  Tape tape;
  const Var a = tape.input(Tensor::zeros(Shape{3}, DType::f64), "left"),
            b = tape.input(Tensor::zeros(Shape{3}, DType::f64));
  const Var w = tape.parameter(Tensor::full(Shape{3}, DType::f64, 2.0), "weight");
  const onnx::GraphData graph = onnx::to_onnx(a * w + b, {.name = "sum"});
  BOOST_TEST(graph.name == "sum");
  BOOST_TEST(graph.inputs.at(0).name == "left");
  BOOST_TEST(graph.inputs.at(1).name == "input");
  BOOST_TEST((graph.inputs[0].type == onnx::ElementType::f64));
  BOOST_TEST(graph.inputs[0].shape->front().size.value() == 3);
  BOOST_TEST(graph.initialisers.at(0).first == "weight");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_exported_says_why) {
  TAUT_CHECK_THROWS(UsageError, onnx::to_onnx(Var(image)), "plain tensor");
  Tape tape;
  const Var c = tape.constant(image);
  TAUT_CHECK_THROWS(UsageError, onnx::to_onnx(relu(c)), "depends on no input");
  const Var x = tape.input(Tensor::zeros(Shape{2, 3}, DType::f32));
  const int line = __LINE__ + 1;
  const Var own = record(Where::current(), Halved(), x);
  TAUT_CHECK_THROWS(UnsupportedError, onnx::to_onnx(own), "scale", cat("files_test.cpp:", line).c_str(),
                    "no ONNX form");
  TAUT_CHECK_THROWS(UsageError, onnx::to_onnx(relu(x), {.symbolic_batch = true}), "one sample", "(2, 3)");
  // One of a parameter alone is a number like any other.
  const Var p = record(Where::current(), Halved(), tape.parameter(Tensor::zeros(Shape{3}, DType::f32)));
  BOOST_TEST(has(onnx::to_onnx(x + p), "Add"));
}

BOOST_AUTO_TEST_CASE(an_axis_of_samples_that_is_lost_is_an_error_unless_sizes_are_fixed) {
  auto flat = [](const Var& x) { return reshape(x, Shape{x.shape()[0] * x.shape()[1]}); };
  auto mixed = [](const Var& x) { return sum(x, {0}, true); };
  auto joined = [](const Var& x) { return concat({x, Var(Tensor::zeros(Shape{1, 3}, DType::f32))}, 1); };
  const Tensor x = Tensor::zeros(Shape{1, 3}, DType::f32);
  TAUT_CHECK_THROWS(UnsupportedError, onnx::to_onnx(flat, x), "reshape", "files_test.cpp", "symbolic_batch = false");
  TAUT_CHECK_THROWS(UnsupportedError, onnx::to_onnx(mixed, x), "sum", "mixes samples");
  TAUT_CHECK_THROWS(UnsupportedError, onnx::to_onnx(joined, x), "concat", "the same for every sample");
  const onnx::ExportOptions fixed{.symbolic_batch = false};
  BOOST_TEST(onnx::to_onnx(flat, x, fixed).inputs[0].shape->front().size.value() == 1);
  BOOST_TEST(has(onnx::to_onnx(mixed, x, fixed), "ReduceSum"));
  BOOST_TEST(has(onnx::to_onnx(joined, x, fixed), "Concat"));
}

BOOST_AUTO_TEST_SUITE_END()
