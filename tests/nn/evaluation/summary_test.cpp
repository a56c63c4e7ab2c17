#include "nn/summary.h"

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "autodiff/ops.h"
#include "nn/layers.h"
#include "nn/parameters.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

// Norms are known: diag(3, 2), 1, 1 + the norm of diag(2, 1), (1, 1).
nn::Sequential known_net() {
  nn::Random random(1);
  const nn::LayerOptions plain{.bias = false};
  nn::Sequential net{nn::Linear(2, 2, random), nn::ReLU(),
                     nn::Residual(nn::Sequential{nn::Linear(2, 2, random, plain), nn::Tanh()}),
                     nn::Linear(2, 1, random, plain)};
  nn::parameter(net, "0.weight").value = Tensor::of(Shape{2, 2}, {3.0F, 0.0F, 0.0F, 2.0F});
  nn::parameter(net, "2.body.0.weight").value = Tensor::of(Shape{2, 2}, {2.0F, 0.0F, 0.0F, 1.0F});
  nn::parameter(net, "3.weight").value = Tensor::of(Shape{1, 2}, {1.0F, 1.0F});
  return net;
}

const Tensor sample = Tensor::of(Shape{1, 2}, {0.5F, 1.0F});

const nn::SummaryRow& row(const nn::Summary& s, std::string_view path) {
  for (const nn::SummaryRow& r : s.modules)
    if (r.path == path) return r;
  throw UsageError(cat("no row ", path));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(summary)

BOOST_AUTO_TEST_CASE(lists_modules_with_what_is_known_of_them) {
  nn::Sequential net = known_net();
  const nn::Summary s = nn::summary(net, sample);
  const std::vector<std::string> expected{"0", "1", "2", "2.body", "2.body.0", "2.body.1", "3"};
  std::vector<std::string> paths;
  for (const nn::SummaryRow& r : s.modules) paths.push_back(r.path);
  BOOST_TEST(paths == expected, boost::test_tools::per_element());
  const auto check = [](const nn::SummaryRow& r, std::string_view type, const Shape& output, Index parameters,
                        double lipschitz) {
    BOOST_TEST(r.type == type);
    BOOST_TEST(r.output.value() == output);
    BOOST_TEST(r.parameters == parameters);
    BOOST_TEST(r.lipschitz.value().is_certified());
    BOOST_TEST(r.lipschitz->value() >= lipschitz);
    BOOST_TEST(r.lipschitz->value() <= lipschitz * (1.0 + 1e-8));
  };
  check(row(s, "0"), "Linear", Shape{1, 2}, 6, 3.0);
  check(row(s, "1"), "ReLU", Shape{1, 2}, 0, 1.0);
  check(row(s, "2"), "Residual", Shape{1, 2}, 4, 3.0);
  check(row(s, "2.body"), "Sequential", Shape{1, 2}, 4, 2.0);
  check(row(s, "2.body.0"), "Linear", Shape{1, 2}, 4, 2.0);
  check(row(s, "3"), "Linear", Shape{1, 1}, 2, std::sqrt(2.0));
  BOOST_TEST(s.net.type == "Sequential");
  BOOST_TEST(s.net.parameters == 12);
  BOOST_TEST(s.net.lipschitz->value() == autolip([&](const Var& x) { return net(x); }, sample).bound.value());
  BOOST_TEST(s.net.output.value() == (Shape{1, 1}));
}

BOOST_AUTO_TEST_CASE(leaves_the_net_as_it_was) {
  nn::Sequential net = known_net();
  nn::set_training(net, true);
  const Tensor before = net(sample).value();
  const auto parameters = nn::parameters(net);
  (void)nn::summary(net, sample);
  BOOST_TEST(nn::parameters(net) == parameters, boost::test_tools::per_element());
  BOOST_TEST(same_bits(net(sample).value(), before));
  BOOST_TEST(net[1].type_name() == "ReLU");
  (void)net[0].as<nn::Linear>();
  // Also when the net fails midway.
  TAUT_CHECK_THROWS(ShapeError, nn::summary(net, Tensor::zeros(Shape{1, 3}, DType::f32)), "(1, 3)");
  BOOST_TEST(nn::parameters(net) == parameters, boost::test_tools::per_element());
  (void)net[2].as<nn::Residual>();
}

BOOST_AUTO_TEST_CASE(says_why_there_is_no_bound) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 2, random), [](const Var& x) { return square(x); },
                     [](const Var& x) { return x + sum(x, {0}, true) * 0.0; }};
  const nn::Summary s = nn::summary(net, sample);
  BOOST_TEST(row(s, "1").type == "module");
  BOOST_TEST(row(s, "1").lipschitz->value() == INFINITY);
  BOOST_TEST(row(s, "1").note.find("grows without bound") != std::string::npos);
  BOOST_TEST(!row(s, "2").lipschitz.has_value());
  BOOST_TEST(row(s, "2").note.find("unsupported: ") == 0U);
  std::ostringstream text;
  text << s;
  BOOST_TEST(text.str().find("grows without bound") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(other_norms_and_untrained_numbers) {
  nn::Sequential net{nn::BatchNorm1d(2), nn::ReLU()};
  AutoLipOptions in_linf;
  in_linf.question.norm = Norm::linf;
  nn::freeze(net, "0.beta");
  const nn::Summary s = nn::summary(net, sample, in_linf);
  BOOST_TEST((s.norm == Norm::linf));
  BOOST_TEST((row(s, "0").lipschitz->norm() == Norm::linf));
  BOOST_TEST(row(s, "0").parameters == 2);
  BOOST_TEST(row(s, "0").untrained == 6);
}

BOOST_AUTO_TEST_CASE(prints_a_table) {
  nn::Sequential net = known_net();
  std::ostringstream text;
  text << nn::summary(net, sample);
  std::vector<std::string> lines;
  std::istringstream in(text.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  BOOST_TEST(lines.size() == 9U);
  BOOST_TEST(lines[0] == "module        type        output  parameters  L <= (l2)");
  BOOST_TEST(lines[2] == "1             ReLU        (1, 2)  0           1 certified");
  BOOST_TEST(lines[5].find("    2.body.0  Linear      (1, 2)  4           2") == 0U);
  BOOST_TEST(lines[8].find("net           Sequential  (1, 1)  12          ") == 0U);
}

BOOST_AUTO_TEST_CASE(more_than_one_sample_is_refused) {
  nn::Sequential net = known_net();
  TAUT_CHECK_THROWS(UsageError, nn::summary(net, Tensor::zeros(Shape{2, 2}, DType::f32)), "[summary]", "one sample",
                    "(2, 2)");
}

BOOST_AUTO_TEST_SUITE_END()
