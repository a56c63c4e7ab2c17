// Registers compositions/<name>/<check> for the checks that look at a function from outside: its values, and its
// derivatives of first and second order.
#include <boost/test/unit_test.hpp>
#include <set>
#include <string_view>

#include "harness/check.h"
#include "harness/options.h"
#include "tests/registrar.h"
#include "tests/samples/compositions.h"

namespace taut::harness {
namespace {

namespace boost_test = boost::unit_test;

// The others ask one primitive for its rules.
const std::set<std::string_view> from_outside{"coverage",
                                              "forward",
                                              "repeatable",
                                              "dtype",
                                              "jvp",
                                              "vjp",
                                              "single_precision",
                                              "reverse_over_reverse",
                                              "forward_over_reverse",
                                              "reverse_over_forward"};

void register_compositions() {
  auto* const all = BOOST_TEST_SUITE("compositions");
  for (const Composition& composition : compositions()) {
    const Subject subject{composition.name, composition.samples()};
    auto* const suite = BOOST_TEST_SUITE(subject.op);
    for (const Check& check : all_checks()) {
      if (!from_outside.contains(check.name) || !check.applies(subject)) continue;
      const auto run = [subject, &check] {
        const Report report = run_check(check.name, subject);
        BOOST_TEST(report.passed(), report.text() << "\n  with TAUT_TEST_SEED=" << options().seed
                                                  << " TAUT_TEST_SCALE=" << options().scale);
      };
      suite->add(boost_test::make_test_case(run, std::string(check.name), __FILE__, __LINE__));
    }
    all->add(suite);
  }
  boost_test::framework::master_test_suite().add(all);
}

const test::Registrar compositions(&register_compositions);

}  // namespace
}  // namespace taut::harness
