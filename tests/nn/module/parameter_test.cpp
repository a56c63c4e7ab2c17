#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

BOOST_AUTO_TEST_SUITE(parameter)

BOOST_AUTO_TEST_CASE(is_one_leaf_however_often_it_is_used) {
  nn::Parameter w(Tensor::scalar(3.0));
  w.name = "w";
  Tape tape;
  const Var x = tape.input(Tensor::scalar(2.0));
  const Var first = w.on(x), second = w.on(x);
  BOOST_TEST(first.id() == second.id());
  BOOST_TEST(tape.size() == 2U);
  BOOST_TEST((tape.node(first.id()).leaf == Leaf::parameter));
  BOOST_TEST(tape.node(first.id()).label == "w");
  // d/dw (w·x + w²) = x + 2w: both uses count.
  BOOST_TEST(grad(w.on(x) * x + w.on(x) * w.on(x), w.on(x)).item() == 8.0);
}

BOOST_AUTO_TEST_CASE(is_a_new_leaf_after_a_rewind) {
  const nn::Parameter w(Tensor::scalar(3.0));
  Tape tape;
  tape.input(Tensor::scalar(0.0));
  w.on(tape);
  tape.rewind();
  const Var again = w.on(tape);
  BOOST_TEST(again.id() == 0U);
  BOOST_TEST(tape.size() == 1U);
}

BOOST_AUTO_TEST_CASE(is_a_new_leaf_when_its_value_was_replaced) {
  nn::Parameter w(Tensor::scalar(3.0));
  Tape tape;
  const Var before = w.on(tape);
  w.value = Tensor::scalar(4.0);
  BOOST_TEST(w.on(tape).item() == 4.0);
  BOOST_TEST(before.item() == 3.0);
}

BOOST_AUTO_TEST_CASE(is_placed_on_every_tape_by_itself) {
  const nn::Parameter w(Tensor::scalar(3.0));
  Tape one, two;
  const Var a = w.on(one), b = w.on(two), c = w.on(one);
  BOOST_TEST((Tape::of(a) == &one));
  BOOST_TEST((Tape::of(b) == &two));
  BOOST_TEST((Tape::of(c) == &one));
}

BOOST_AUTO_TEST_CASE(forgets_a_tape_that_is_gone_even_when_its_address_is_used_again) {
  const nn::Parameter w(Tensor::scalar(3.0));
  for (int i = 0; i < 3; ++i) {
    Tape tape;  // most likely at the same address every time
    const Var other = tape.input(Tensor::scalar(1.0));
    const Var leaf = w.on(tape);
    BOOST_TEST(leaf.id() != other.id());
    BOOST_TEST(leaf.item() == 3.0);
  }
}

BOOST_AUTO_TEST_CASE(copies_are_parameters_of_their_own) {
  const nn::Parameter w(Tensor::scalar(3.0));
  Tape tape;
  const Var original = w.on(tape);
  const nn::Parameter copied = w;  // NOLINT(performance-unnecessary-copy-initialization)
  BOOST_TEST(copied.on(tape).id() != original.id());
}

BOOST_AUTO_TEST_CASE(is_a_plain_tensor_where_nothing_is_recorded) {
  const nn::Parameter w(Tensor::scalar(3.0));
  BOOST_TEST(!w.on(Var(Tensor::scalar(1.0))).on_tape());
  Tape tape;
  const Var x = tape.input(Tensor::scalar(1.0));
  {
    const Tape::Pause pause(tape);
    BOOST_TEST(!w.on(x).on_tape());
  }
  BOOST_TEST(!nn::Parameter().on(x).defined());
}

BOOST_AUTO_TEST_CASE(names_are_dotted_paths) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 2, random),
                     nn::Residual(nn::Sequential{nn::ReLU(), nn::Linear(2, 2, random, {.bias = false})}),
                     nn::Linear(2, 1, random)};
  const auto all = nn::parameters(net);
  std::vector<std::string> names;
  for (const nn::Parameter* p : all) names.push_back(p->name);
  const std::vector<std::string> expected{"0.weight", "0.bias", "1.body.1.weight", "2.weight", "2.bias"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  BOOST_TEST(nn::parameter_count(net) == 4 + 2 + 4 + 2 + 1);
}

// A net of the user's own: any callable that shows what it holds.
struct Doubled {
  nn::Linear inner;
  nn::Parameter gain{Tensor::scalar(2.0, DType::f32)};
  Var operator()(const Var& x) const { return inner(x) * gain.on(x) + inner(x); }
  void visit(nn::Visitor& v) {
    v("inner", inner);
    v("gain", gain);
  }
};

BOOST_AUTO_TEST_CASE(user_modules_and_lambdas_are_modules) {
  nn::Random random(1);
  nn::Sequential net{Doubled{nn::Linear(2, 2, random)}, [](const Var& x) { return x * 3.0; }};
  BOOST_TEST(nn::parameters(net).size() == 3U);
  BOOST_TEST(nn::parameters(net)[2]->name == "0.gain");
  const Tensor x = normal_tensor(Shape{4, 2}, random, DType::f32);
  const Doubled& user = net[0].as<Doubled>();
  const Tensor expected = scale(user.inner(x), 9.0).value();
  // y·2 + y and ·3 against ·9: three roundings of f32.
  BOOST_TEST(largest_difference(net(x).value(), expected) <= 1e-6 * largest(expected));
  TAUT_CHECK_THROWS(UsageError, net[0].as<nn::ReLU>(), "[module]", "ask for the type that was put in");
}

BOOST_AUTO_TEST_CASE(copies_of_a_net_do_not_share_changes) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 1, random)};
  nn::Sequential copied = net;
  net[0].as<nn::Linear>().weight.value.mutable_data<float>()[0] = 77.0F;
  BOOST_TEST(net[0].as<nn::Linear>().weight.value.at(0) == 77.0);
  BOOST_TEST(copied[0].as<nn::Linear>().weight.value.at(0) != 77.0);
}

BOOST_AUTO_TEST_SUITE_END()
