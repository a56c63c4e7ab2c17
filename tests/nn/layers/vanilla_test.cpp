// From constrained nets to plain ones: values, bounds, and files.
#include "nn/vanilla.h"

#include <filesystem>

#include "nn/constrained.h"
#include "nn/layers.h"
#include "nn/onnx/export.h"
#include "nn/onnx/model.h"
#include "nn/resize.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

// Affine layers alone: nothing is written out, so that bounds stay.
nn::Sequential affine_net(nn::Random& random) {
  return nn::Sequential{nn::SpectralConv2d(1, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}),
                        nn::MaxMin(),
                        nn::PixelUnshuffle(2),
                        nn::CayleyConv2d(16, 8, {3, 3}, random),
                        nn::Concat({nn::AolConv2d(8, 2, {1, 1}, random),
                                    nn::Sequential{nn::AolConv2d(8, 3, {1, 1}, random), nn::ReLU()}}),
                        nn::Flatten(),
                        nn::BjorckLinear(80, 12, random),
                        nn::Add({nn::AolLinear(12, 6, random), nn::SpectralLinear(12, 6, random)}),
                        nn::Residual(nn::CayleyLinear(6, 6, random)),
                        nn::CayleyLinear(6, 3, random)};
}
const Shape affine_input{1, 1, 8, 8};

nn::Sequential block_net(nn::Random& random) {
  return nn::Sequential{nn::SllConv2d(2, 4, {3, 3}, random),
                        nn::Householder(2),
                        nn::CplConv2d(2, 3, {3, 3}, random),
                        nn::Flatten(),
                        nn::SllLinear(32, 8, random),
                        nn::FullSort(),
                        nn::Householder(32),
                        nn::CplLinear(32, 8, random),
                        nn::AolLinear(32, 3, random)};
}
const Shape block_input{1, 2, 4, 4};

const std::vector<std::string_view> constrained{"SpectralConv2d", "CayleyConv2d", "AolConv2d", "BjorckLinear",
                                                "AolLinear",      "CayleyLinear", "SllConv2d", "SpectralLinear",
                                                "Householder",    "CplConv2d",    "SllLinear", "CplLinear"};

// What occurs within a net.
class TypeNames final : public nn::Visitor {
 public:
  std::vector<std::string> names;

 private:
  void parameter(const std::string&, nn::Parameter&) override {}
  void enter(const std::string&, nn::AnyModule& module) override { names.emplace_back(module.type_name()); }
};

double bound_of(const nn::onnx::Model& model, const Tensor& sample) {
  return autolip(model.function(), sample).bound.value();
}

struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "taut_vanilla_test.onnx";
  ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(vanilla)

BOOST_AUTO_TEST_CASE(plain_nets_hold_plain_layers) {
  nn::Random random(1);
  for (const bool affine : {true, false}) {
    nn::Sequential net = affine ? affine_net(random) : block_net(random);
    (void)net(normal_tensor(affine ? affine_input : block_input, random, DType::f32));
    nn::Sequential plain = nn::vanilla(net);
    BOOST_TEST(plain.size() == net.size());
    TypeNames names;
    plain.visit(names);
    BOOST_TEST(!names.names.empty());
    for (const std::string_view name : constrained)
      BOOST_TEST((std::ranges::find(names.names, name) == names.names.end()), name << " is still there");
    for (const std::string& path : parameter_names(plain)) BOOST_TEST(path.find("raw") == std::string::npos, path);
    // The constrained net is as it was.
    TypeNames before;
    net.visit(before);
    BOOST_TEST((std::ranges::find(before.names, affine ? "CayleyConv2d" : "SllConv2d") != before.names.end()));
  }
}

BOOST_AUTO_TEST_CASE(values_are_the_same) {
  nn::Random random(2);
  nn::Sequential affine = affine_net(random);
  const Tensor x = normal_tensor(affine_input.with(0, 5), random, DType::f32);
  const Tensor expected = affine(Var(x)).value();
  BOOST_TEST(same_bits(nn::vanilla(affine)(Var(x)).value(), expected));
  nn::Sequential blocks = block_net(random);
  const Tensor z = normal_tensor(block_input.with(0, 5), random, DType::f32);
  const Tensor result = blocks(Var(z)).value();
  BOOST_TEST(largest_difference(nn::vanilla(blocks)(Var(z)).value(), result) <= 1e-5 * largest(result));
}

// A convex step comes back as one, with its constant: exported nets are 1-Lipschitz still.
BOOST_AUTO_TEST_CASE(files_keep_convex_steps) {
  nn::Random random(6);
  nn::Sequential net = block_net(random);
  train_a_little(net, block_input.with(0, 4));
  const Tensor x = normal_tensor(block_input, random, DType::f32),
               batch = normal_tensor(Shape{3, 2, 4, 4}, random, DType::f32);
  const TemporaryFile file;
  nn::onnx::save(net, x, file.path);
  const nn::onnx::Model model = nn::onnx::Model::load(file.path);
  BOOST_TEST(same_bits(model.function()(Var(x)).value(), net(Var(x)).value()));
  BOOST_TEST(largest_difference(model.function()(Var(batch)).value(), net(Var(batch)).value()) <= 1e-5);
  BOOST_TEST(bound_of(model, x) <= 1.0);
  BOOST_TEST(bound_of(model, x) == report_of(net, block_input, DType::f32).bound.value());
}

// The same operators with another second matrix are no convex step.
BOOST_AUTO_TEST_CASE(only_tied_weights_are_recognised) {
  const Tensor a = Tensor::of(Shape{1, 2}, {1.0F, 0.5F}), other = Tensor::of(Shape{1, 2}, {1.0F, 0.25F});
  const Tensor x = Tensor::of(Shape{1, 2}, {1.0F, 2.0F});
  const TemporaryFile file;
  const auto bound_with = [&](const Tensor& second) {
    Tape tape;
    const Var in = tape.input(x);
    const Var h = relu(matmul(in, transpose(Var(a)).value()) + tape.constant(Tensor::of(Shape{1}, {0.5F})));
    const Var y = in - matmul(h, second);
    nn::onnx::save(y, file.path);
    const nn::onnx::Model model = nn::onnx::Model::load(file.path);
    BOOST_TEST(same_bits(model.function()(Var(x)).value(), y.value()));
    return bound_of(model, x);
  };
  BOOST_TEST(bound_with(a) == 1.0);
  BOOST_TEST(bound_with(other) > 1.0);
}

// An affine net of inference is plain on the tape: it is exported as it is.
BOOST_AUTO_TEST_CASE(files_keep_values_and_bounds) {
  nn::Random random(3);
  nn::Sequential net = affine_net(random);
  const Tensor x = normal_tensor(affine_input, random, DType::f32);
  const TemporaryFile file;
  for (const bool plain : {false, true}) {
    nn::Sequential exported = net;
    (void)exported(Var(x));
    if (plain) exported = nn::vanilla(exported);
    nn::onnx::save(exported, x, file.path);
    const nn::onnx::Model model = nn::onnx::Model::load(file.path);
    BOOST_TEST(same_bits(model.function()(Var(x)).value(), net(Var(x)).value()));
    BOOST_TEST(bound_of(model, x) == report_of(net, affine_input, DType::f32).bound.value());
  }
}

BOOST_AUTO_TEST_CASE(convex_steps_are_written_out) {
  nn::Random random(4);
  nn::Sequential net = block_net(random);
  const Tensor x = normal_tensor(block_input, random, DType::f32);
  const Tensor y = net(Var(x)).value();
  const TemporaryFile file;
  nn::Sequential plain = nn::vanilla(net);
  nn::onnx::save(plain, x, file.path);
  const nn::onnx::Model model = nn::onnx::Model::load(file.path);
  BOOST_TEST(largest_difference(model.function()(Var(x)).value(), y) <= 1e-5 * largest(y));
}

// A module of the user's own is copied with what it holds, unless it knows better.
struct Own {
  nn::CayleyLinear layer;
  Var operator()(const Var& x) { return layer(x); }
  void visit(nn::Visitor& v) { v("layer", layer); }
};
struct Knowing : Own {
  nn::AnyModule vanilla() const { return layer.vanilla(); }
};

BOOST_AUTO_TEST_CASE(modules_of_ones_own) {
  nn::Random random(5);
  const nn::CayleyLinear layer(3, 3, random);
  const nn::Sequential net{Own{layer}, Knowing{{layer}}};
  nn::Sequential plain = nn::vanilla(net);
  BOOST_TEST(plain[0].type_name() == "module");
  BOOST_TEST(plain[1].type_name() == "Linear");
  BOOST_TEST(nn::vanilla(nn::AnyModule(layer)).type_name() == "Linear");
}

BOOST_AUTO_TEST_SUITE_END()
