// The reference networks are read as they were written: AutoLip and the norms of layers come out as others computed
// them.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/spectral.h"
#include "tests/lipschitz/reference/reference.h"

namespace taut {
namespace {

using testing::ReferenceNetwork;
using testing::ReferenceValue;

constexpr std::pair<Norm, const char*> norms[] = {{Norm::l1, "l1"}, {Norm::l2, "l2"}, {Norm::linf, "linf"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(reference_networks)

BOOST_AUTO_TEST_CASE(layer_norms_agree) {
  int compared = 0;
  for (const std::string& name : testing::reference_networks()) {
    const ReferenceNetwork network = testing::reference_network(name);
    for (const auto& [norm, suffix] : norms) {
      const std::string key = std::string("layer_norms_") + suffix;
      if (!network.has(key)) continue;
      const ReferenceValue& expected = network.value(key);
      std::size_t k = 0;
      for (const ReferenceNetwork::Layer& layer : network.layers) {
        if (!layer.weight.defined()) continue;
        const Enclosure computed = dense_norm(layer.weight, norm);
        BOOST_TEST_CONTEXT(name << ", " << key << ", layer " << k) {
          const double slack = 1.0 + 2.0 * expected.relative_accuracy;
          BOOST_TEST(computed.lower.value() <= expected.numbers.at(k) * slack);
          BOOST_TEST(computed.upper.value() * slack >= expected.numbers.at(k));
          BOOST_TEST(computed.overshoot() <= 1e-8);
        }
        ++k;
      }
      BOOST_TEST(k == expected.numbers.size());
      ++compared;
    }
  }
  BOOST_TEST(compared >= 20);
}

// The bound is never above the reference's, and never below the constant.
BOOST_AUTO_TEST_CASE(autolip_lies_between_the_constant_and_the_product) {
  int compared = 0;
  for (const std::string& name : testing::reference_networks()) {
    const ReferenceNetwork network = testing::reference_network(name);
    for (const auto& [norm, suffix] : norms) {
      AutoLipOptions options;
      options.question.norm = norm;
      const std::string product = std::string("autolip_") + suffix, exact = cat("lip_", suffix, "_exact");
      const double bound = autolip(network, network.sample(), options).bound.value();
      BOOST_TEST_CONTEXT(name << ", " << suffix) {
        if (network.has(product)) {
          const ReferenceValue& v = network.value(product);
          BOOST_TEST(bound <= v.number() * (1.0 + 1e-8 + 2.0 * v.relative_accuracy));
          ++compared;
        }
        if (network.has(exact)) {
          const ReferenceValue& v = network.value(exact);
          BOOST_TEST(bound >= v.number() * (1.0 - 2.0 * v.relative_accuracy));
          ++compared;
        }
      }
    }
  }
  BOOST_TEST(compared >= 40);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
