// The exact constant against values that others computed, against brute force, and on degenerate arrangements.
#include "lipschitz/exact.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "tests/lipschitz/reference.h"
#include "tests/lipschitz/support.h"

namespace taut {
namespace {

using testing::ReferenceNetwork;
using testing::ReferenceValue;

constexpr std::pair<Norm, const char*> norms[] = {{Norm::l1, "l1"}, {Norm::l2, "l2"}, {Norm::linf, "linf"}};

ExactOptions in_norm(Norm norm, std::optional<Interval> box = std::nullopt) {
  ExactOptions options;
  options.norm = norm;
  options.box = box;
  return options;
}

void check_value(const ExactResult& result, const ReferenceValue& expected) {
  const double slack = 1.0 + 2.0 * expected.relative_accuracy;
  BOOST_TEST((result.status == Status::finite));
  BOOST_TEST(result.note == "");
  BOOST_TEST(result.lower.is_certified());
  BOOST_TEST(result.upper.is_certified());
  BOOST_TEST(result.lower.value() <= expected.number() * slack);
  BOOST_TEST(result.upper.value() * slack >= expected.number());
  BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact_constants)

BOOST_AUTO_TEST_CASE(reference_values) {
  int compared = 0;
  for (const std::string& name : testing::reference_networks()) {
    const ReferenceNetwork network = testing::reference_network(name);
    if (network.inputs > 2) continue;
    for (const auto& [norm, suffix] : norms)
      for (const char* const domain : {"_exact", "_box_exact"}) {
        const std::string key = std::string("lip_") + suffix + domain;
        if (!network.has(key)) continue;
        const ReferenceValue& expected = network.value(key);
        const ExactResult result = exact_constant(network, network.sample(), in_norm(norm, expected.box));
        BOOST_TEST_MESSAGE(name << ' ' << key << ' ' << result.lower << ' '
                                << result.upper.value() / result.lower.value() - 1 << ' ' << result.regions << ' '
                                << result.seconds);
        BOOST_TEST_CONTEXT(name << ", " << key) {
          check_value(result, expected);
          if (!expected.box && network.has("n_pieces"))
            BOOST_TEST(static_cast<double>(result.regions) == network.value("n_pieces").number());
        }
        ++compared;
      }
  }
  BOOST_TEST(compared >= 30);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
