// Parameters by name, and freezing.
#include <boost/test/unit_test.hpp>

#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/parameters.h"
#include "nn/sequential.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

nn::Sequential some_net() {
  nn::Random random(1);
  return nn::Sequential{nn::Linear(2, 3, random), nn::BatchNorm1d(3),
                        nn::Residual(nn::Sequential{nn::ReLU(), nn::Linear(3, 3, random)}), nn::Linear(3, 2, random)};
}

std::vector<std::string> trained_names(nn::Sequential& net) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : nn::named_parameters(net))
    if (p.parameter->trained) names.push_back(p.path);
  return names;
}

using Names = std::vector<std::string>;
void check_names(const Names& a, const Names& b) { BOOST_TEST(a == b, boost::test_tools::per_element()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(named)

BOOST_AUTO_TEST_CASE(paths_lead_to_parameters) {
  nn::Sequential net = some_net();
  check_names(parameter_names(net), {"0.weight", "0.bias", "1.gamma", "1.beta", "1.running_mean", "1.running_variance",
                                     "2.body.1.weight", "2.body.1.bias", "3.weight", "3.bias"});
  BOOST_TEST(&nn::parameter(net, "0.bias") == &net[0].as<nn::Linear>().bias);
  const auto all = nn::parameters(net);
  const auto named = nn::named_parameters(net);
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i] == named[i].parameter);
  TAUT_CHECK_THROWS(UsageError, nn::parameter(net, "2.body.2.weight"), "[parameter]", "\"2.body.2.weight\"",
                    "nearest of 10 are \"2.body.1.weight\", ");
  TAUT_CHECK_THROWS(UsageError, nn::parameter(net, "0"), "\"0.bias\"");
  nn::ReLU none;
  TAUT_CHECK_THROWS(UsageError, nn::parameter(none, "x"), "no parameters");
}

BOOST_AUTO_TEST_CASE(patterns_freeze_and_unfreeze) {
  nn::Sequential net = some_net();
  BOOST_TEST(nn::parameter_count(net) == 9 + 6 + 12 + 8);
  BOOST_TEST(nn::parameter_count(net, nn::Counted::all) == 9 + 12 + 12 + 8);
  BOOST_TEST(nn::freeze(net, "2") == 2);
  check_names(trained_names(net), {"0.weight", "0.bias", "1.gamma", "1.beta", "3.weight", "3.bias"});
  BOOST_TEST(nn::freeze(net, "*.bias") == 3);
  check_names(trained_names(net), {"0.weight", "1.gamma", "1.beta", "3.weight"});
  BOOST_TEST(nn::freeze(net, "*") == 10);
  check_names(trained_names(net), {});
  BOOST_TEST(nn::unfreeze(net, "2.*.weight") == 1);
  check_names(trained_names(net), {"2.body.1.weight"});
  nn::unfreeze(net, "*");  // running statistics are never trained
  BOOST_TEST(trained_names(net).size() == 8U);
  BOOST_TEST(nn::parameter_count(net) == 35);
  TAUT_CHECK_THROWS(UsageError, nn::freeze(net, "0.weigh"), "[freeze]", "\"0.weigh\" names none", "\"0.weight\"");
  TAUT_CHECK_THROWS(UsageError, nn::unfreeze(net, "bias"), "[unfreeze]");
  BOOST_TEST(trained_names(net).size() == 8U);
}

BOOST_AUTO_TEST_CASE(what_is_frozen_is_not_trained) {
  nn::Sequential net = some_net();
  nn::freeze(net, "0");
  const Tensor frozen = net[0].as<nn::Linear>().weight.value.copy(), free = net[3].as<nn::Linear>().weight.value.copy();
  nn::Adam adam(nn::parameters(net));
  BOOST_TEST(adam.parameters().size() == 6U);
  nn::Random random(2);
  Tape tape;
  adam.step(
      nn::cross_entropy(net(tape.input(normal_tensor(Shape{2, 2}, random, DType::f32))), std::vector<Index>{0, 1}));
  BOOST_TEST(same_bits(net[0].as<nn::Linear>().weight.value, frozen));
  BOOST_TEST(!same_bits(net[3].as<nn::Linear>().weight.value, free));
}

BOOST_AUTO_TEST_CASE(modules_say_what_they_are) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 3, random), nn::Tanh(), nn::Residual(nn::MaxPool2d(2)), nn::AvgPool2d(2),
                     [](const Var& x) { return x; }};
  BOOST_TEST(net[0].type_name() == "Linear");
  BOOST_TEST(net[1].type_name() == "Tanh");
  BOOST_TEST(net[2].type_name() == "Residual");
  BOOST_TEST(net[3].type_name() == "AvgPool2d");
  BOOST_TEST(net[4].type_name() == "module");
  BOOST_TEST(nn::ModuleRef(net).type_name() == "Sequential");
}

BOOST_AUTO_TEST_SUITE_END()
