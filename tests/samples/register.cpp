// Registers one named Boost.Test case per (primitive, check): primitives/<op>/<check>. The list is the compile-time list of
// primitives; one without samples does not link.
#include <boost/test/unit_test.hpp>

#include "autodiff/primitive.h"
#include "tests/harness/check.h"

namespace taut::harness {
namespace {

namespace boost_test = boost::unit_test;

template <class P>
boost_test::test_suite* suite_of() {
  const Subject subject{std::string(describe<P>().name), samples<P>()};
  auto* const suite = BOOST_TEST_SUITE(subject.op);
  for (const Check& check : all_checks()) {
    if (!check.applies(subject)) continue;
    const auto run = [subject, &check] {
      const Report report = run_check(check.name, subject);
      BOOST_TEST(report.passed(), report.text());
    };
    suite->add(boost_test::make_test_case(run, std::string(check.name), __FILE__, __LINE__));
  }
  return suite;
}

template <class... P>
bool register_all(PrimitiveList<P...>) {
  auto* const primitives = BOOST_TEST_SUITE("primitives");
  (primitives->add(suite_of<P>()), ...);
  boost_test::framework::master_test_suite().add(primitives);
  return true;
}

[[maybe_unused]] const bool registered = register_all(Primitives());

}  // namespace
}  // namespace taut::harness
