// Registers one named Boost.Test case per (primitive, check): primitives/<op>/<check>. The list is the compile-time
// list of primitives; one without samples does not link.
#include <boost/test/unit_test.hpp>
#include <set>
#include <string_view>

#include "autodiff/primitive.h"
#include "harness/check.h"
#include "harness/options.h"
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
      BOOST_TEST(report.passed(), report.text() << "\n  with TAUT_TEST_SEED=" << options().seed
                                                << " TAUT_TEST_SCALE=" << options().scale);
    };
    suite->add(boost_test::make_test_case(run, std::string(check.name), __FILE__, __LINE__));
  }
  return suite;
}

// The ops that have no finite constant over all reals, of one operand or of products of two. No other may answer so.
const std::set<std::string_view> may_be_unbounded{"exp",
                                                  "log",
                                                  "sqrt",
                                                  "square",
                                                  "step",
                                                  "sign",
                                                  "pow",
                                                  "reciprocal",
                                                  "rsqrt",
                                                  "log1p",
                                                  "expm1",
                                                  "prelu",
                                                  "mul",
                                                  "div",
                                                  "matmul",
                                                  "dense",
                                                  "conv2d",
                                                  "conv_transpose2d",
                                                  "conv2d_weight_gradient",
                                                  "channel_affine"};

template <class P>
void expect_bounded() {
  for (const Sample& sample : samples<P>())
    BOOST_TEST((sample.unbounded.empty() || may_be_unbounded.contains(describe<P>().name)),
               describe<P>().name << " must have a finite rule");
}

template <class... P>
void expect_all_bounded(PrimitiveList<P...>) {
  (expect_bounded<P>(), ...);
}

template <class... P>
void add_suites(boost_test::test_suite& to, PrimitiveList<P...>) {
  (to.add(suite_of<P>()), ...);
}

void register_primitives() {
  auto* const primitives = BOOST_TEST_SUITE("primitives");
  add_suites(*primitives, Primitives());
  const auto run = [] { expect_all_bounded(Primitives()); };
  primitives->add(boost_test::make_test_case(run, "unbounded_ones_are_few", __FILE__, __LINE__));
  boost_test::framework::master_test_suite().add(primitives);
}

const test::Registrar primitives(&register_primitives);

}  // namespace
}  // namespace taut::harness
