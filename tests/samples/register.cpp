// Registers one named Boost.Test case per (primitive, check): primitives/<op>/<check>. The list is the compile-time list of
// primitives; one without samples does not link.
#include <boost/test/unit_test.hpp>

#include "autodiff/primitive.h"
#include "tests/harness/check.h"
#include "tests/registrar.h"

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
void add_suites(boost_test::test_suite& to, PrimitiveList<P...>) {
  (to.add(suite_of<P>()), ...);
}

void register_primitives() {
  auto* const primitives = BOOST_TEST_SUITE("primitives");
  add_suites(*primitives, Primitives());
  boost_test::framework::master_test_suite().add(primitives);
}

const test::Registrar registrar(&register_primitives);

}  // namespace
}  // namespace taut::harness
