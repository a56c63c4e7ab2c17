// Reference networks with independently computed values (tests/data/onnx/expected.json): bounds of what is imported lie
// on the right side of them.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"
#include "lipschitz/spectral.h"
#include "nn/onnx/model.h"

using namespace taut;  // NOLINT(google-build-using-namespace)

namespace {

using nlohmann::json;

const std::string folder = TAUT_SOURCE_DIR "/tests/data/onnx/";

double number(const json& value) { return value.is_string() ? infinity : value.get<double>(); }

struct Network {
  std::string name;
  json values;
  nn::onnx::Model model;
};

std::vector<Network> networks() {
  std::ifstream in(folder + "expected.json");
  const json expected = json::parse(in);
  std::vector<Network> list;
  for (const auto& [name, network] : expected.at("cases").items()) {
    const std::string file = network.at("file");
    list.push_back({name, network.at("values"), nn::onnx::Model::load(folder + file.substr(file.find('/') + 1))});
  }
  BOOST_TEST_REQUIRE(list.size() >= 30U);
  return list;
}

double tolerance(const json& value) { return value.value("rel_acc", 0.0) + 1e-15; }

BOOST_AUTO_TEST_SUITE(onnx_reference)

BOOST_AUTO_TEST_CASE(upper_bounds_are_above_the_truth_and_as_tight_as_stated) {
  int compared = 0;
  for (const Network& n : networks())
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      AutoLipOptions options;
      options.question.norm = norm;
      const double upper = autolip(n.model.function(), n.model.sample(), options).bound.value();
      const std::string suffix = norm == Norm::l1 ? "l1" : norm == Norm::l2 ? "l2" : "linf";
      for (const char* kind : {"exact", "lower"}) {
        const std::string key = "lip_" + suffix + "_" + kind;
        if (!n.values.contains(key)) continue;
        const json& value = n.values.at(key);
        BOOST_TEST(upper >= number(value.at("value")) * (1.0 - tolerance(value)), n.name << ' ' << key);
        ++compared;
      }
      if (!n.values.contains("autolip_" + suffix)) continue;
      const json& product = n.values.at("autolip_" + suffix);
      BOOST_TEST(upper <= number(product.at("value")) * (1.0 + 1e-6), n.name << " autolip " << suffix);
      ++compared;
    }
  BOOST_TEST(compared >= 100);
}

BOOST_AUTO_TEST_CASE(layers_enclose_their_norms) {
  int compared = 0;
  for (const Network& n : networks()) {
    if (!n.values.contains("layer_norms_l2")) continue;
    const json& norms = n.values.at("layer_norms_l2");
    const std::vector<nn::onnx::Layer> layers = n.model.layers();
    // An average pool is a layer of the reference alone.
    if (n.name.starts_with("avgpool")) continue;
    BOOST_TEST_REQUIRE(layers.size() == norms.at("value").size(), n.name);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Enclosure norm = operator_norm(layers[i].map, Norm::l2);
      const double truth = number(norms.at("value")[i]), slack = layers[i].relative_error + tolerance(norms);
      BOOST_TEST(norm.lower.value() <= truth * (1.0 + slack), n.name << ' ' << layers[i].name);
      BOOST_TEST(norm.upper.value() >= truth * (1.0 - slack), n.name << ' ' << layers[i].name);
      ++compared;
    }
  }
  BOOST_TEST(compared >= 40);
}

BOOST_AUTO_TEST_CASE(batches_agree_with_single_samples) {
  for (const Network& n : networks()) {
    const Shape one = n.model.sample().shape();
    Tensor both = Tensor::uninitialised(one.with(0, 2), n.model.dtype());
    for (Index i = 0; i < both.size(); ++i) {
      const double x = std::cos(1.3 * static_cast<double>(i));
      if (both.dtype() == DType::f32)
        both.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(x);
      else
        both.mutable_data<double>()[static_cast<std::size_t>(i)] = x;
    }
    const Tensor together = n.model(Var(both)).value();
    for (const Index k : {0, 1}) {
      const Tensor alone = n.model(slice(Var(both), 0, k, k + 1)).value();
      for (Index i = 0; i < alone.size(); ++i)
        BOOST_TEST(std::abs(together.at(k * alone.size() + i) - alone.at(i)) <= 1e-5 * (1.0 + std::abs(alone.at(i))),
                   n.name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
