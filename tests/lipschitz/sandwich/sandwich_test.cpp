// The sandwich: what it runs, what it keeps, what it refuses.
#include "lipschitz/sandwich.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <sstream>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "tests/lipschitz/reference/reference.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

std::vector<std::string> methods_of(const Sandwich& sandwich) {
  std::vector<std::string> names;
  for (const BoundRow& row : sandwich.bounds) names.push_back(row.method);
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sandwiches)

BOOST_AUTO_TEST_CASE(networks_in_the_plane_are_known_exactly) {
  for (const char* name : {"mlp_2_6_6_1", "mlp_2_5_5_5_5_1", "act_leaky_2_7_7_2"}) {
    const testing::ReferenceNetwork net = testing::reference_network(name);
    const Sandwich found = sandwich(net, net.sample());
    const double truth = net.value("lip_l2_exact").number();
    std::ostringstream text;
    text << found;
    BOOST_TEST_CONTEXT(text.str()) {
      BOOST_TEST(methods_of(found) == (std::vector<std::string>{"frobenius", "autolip", "seqlip", "multiplier",
                                                                "ascent", "exact", "exact"}),
                 boost::test_tools::per_element());
      BOOST_TEST(found.upper->is_certified());
      BOOST_TEST(found.lower->is_certified());
      BOOST_TEST(found.upper->value() == truth, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(found.lower->value() == truth, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(found.ratio() <= 1.0 + 1e-9);
      BOOST_TEST(found.point.size() == 2);
      BOOST_TEST(text.str().find(" <= L <= ") != std::string::npos);
    }
  }
}

// In every norm and on a box: whatever is called a bound is one of the other side's bounds.
BOOST_AUTO_TEST_CASE(no_lower_bound_exceeds_an_upper_one) {
  Random random(921);
  const Tensor first = random.normals({9, 3}), second = random.normals({4, 9}), none = Tensor::zeros({9}, DType::f64),
               four = Tensor::zeros({4}, DType::f64);
  const Function f = [&](const Var& x) { return dense(tanh(dense(x, Var(first), Var(none))), Var(second), Var(four)); };
  SandwichOptions options;
  options.data = random.normals({20, 3});
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
    for (const bool on_box : {false, true}) {
      options.question.norm = norm;
      options.question.domain = on_box ? Domain::box({-4.0, 4.0}) : Domain();
      options.methods = {Method::autolip, Method::dataset, Method::pairs, Method::annealing, Method::ascent};
      if (norm == Norm::l2) options.methods.insert(options.methods.end(), {Method::seqlip, Method::seqlip_greedy});
      if (on_box) options.methods.push_back(Method::grid);
      const Sandwich found = sandwich(f, Tensor::zeros({1, 3}, DType::f64), options);
      for (const BoundRow& upper : found.bounds)
        for (const BoundRow& lower : found.bounds)
          if (upper.side == Side::upper && lower.side == Side::lower && std::holds_alternative<Certified>(upper.rigour))
            BOOST_TEST(lower.value <= upper.value * (1.0 + 1e-9), norm << ' ' << lower.method << ' ' << upper.method);
      BOOST_TEST(found.best_upper()->value == found.upper->value());
      BOOST_TEST(found.best_lower()->value == found.lower->value());
      BOOST_TEST(found.ratio() >= 1.0);
    }
}

BOOST_AUTO_TEST_CASE(time_limits_leave_proved_values) {
  Random random(922);
  const Tensor first = random.normals({400, 200}), second = random.normals({100, 400}),
               wide = Tensor::zeros({400}, DType::f64), narrow = Tensor::zeros({100}, DType::f64);
  const Function f = [&](const Var& x) {
    return dense(relu(dense(x, Var(first), Var(wide))), Var(second), Var(narrow));
  };
  SandwichOptions options;
  options.methods = {Method::autolip, Method::seqlip_exact, Method::ascent};
  options.budget.within(std::chrono::duration<double>(1.0));
  const Sandwich found = sandwich(f, Tensor::zeros({1, 200}, DType::f64), options);
  BOOST_TEST(found.upper->is_certified());
  BOOST_TEST(found.bounds[1].status == Status::cut);
  BOOST_TEST(found.lower->value() > 0.0);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_answered_says_so) {
  const Function smooth = [](const Var& x) { return sin(x); };
  const Tensor sample = Tensor::zeros({1, 2}, DType::f64);
  SandwichOptions options;
  options.methods = {Method::exact, Method::autolip};
  const Sandwich found = sandwich(smooth, sample, options);
  BOOST_TEST(found.bounds.size() == 2u);
  BOOST_TEST(found.bounds[0].status == Status::unsupported);
  BOOST_TEST(!found.bounds[0].note.empty());
  BOOST_TEST(found.upper->value() == 1.0);
  BOOST_TEST(!found.lower.has_value());
  BOOST_TEST(found.best_lower() == nullptr);
  BOOST_TEST(found.ratio() == infinity);

  options.methods = {Method::dataset};
  BOOST_CHECK_THROW(sandwich(smooth, sample, options), UsageError);
  options.methods = {Method::grid};
  BOOST_CHECK_THROW(sandwich(smooth, sample, options), UsageError);
  options.methods = {Method::seqlip};
  options.question.norm = Norm::linf;
  BOOST_CHECK_THROW(sandwich(smooth, sample, options), UsageError);
}

BOOST_AUTO_TEST_CASE(methods_have_names) {
  for (const MethodRow& row : methods()) BOOST_TEST((method_named(row.name) == row.method));
  BOOST_CHECK_EXCEPTION(method_named("lipsdp"), UsageError, [](const UsageError& error) {
    return std::string(error.what()).find("seqlip-greedy") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
