#include "autodiff/tape.h"

#include <cmath>
#include <thread>

#include "autodiff/diff.h"
#include "autodiff/memory.h"
#include "autodiff/ops.h"
#include "autodiff/outline.h"
#include "tests/support/expect_error.h"

namespace taut::test {
namespace {

Tensor two() { return Tensor::of<double>({2}, {1, 2}); }

}  // namespace

BOOST_AUTO_TEST_SUITE(tape)

BOOST_AUTO_TEST_CASE(leaves_say_what_they_are) {
  Tape tape;
  const Var x = tape.input(two(), "x"), w = tape.parameter(two(), "w"), c = tape.constant(two());
  BOOST_TEST((tape.node(x.id()).leaf == Leaf::input));
  BOOST_TEST((tape.node(w.id()).leaf == Leaf::parameter));
  BOOST_TEST((tape.node(c.id()).leaf == Leaf::constant));
  BOOST_TEST(tape.node(x.id()).label == "x");
  BOOST_TEST(tape.node(c.id()).label == "");
  BOOST_TEST(tape.node(x.id()).tracked);
  BOOST_TEST(tape.node(w.id()).tracked);
  BOOST_TEST(!tape.node(c.id()).tracked);
  BOOST_TEST(tape.node(x.id()).name() == "input");
  BOOST_TEST(tape.size() == 3U);
}

BOOST_AUTO_TEST_CASE(edges_point_backwards) {
  Tape tape;
  const Var x = tape.input(two());
  const Var y = sigmoid(x * x) + tanh(x);
  BOOST_TEST(y.id() == tape.size() - 1);
  for (NodeId id = 0; id < tape.size(); ++id)
    for (const NodeId operand : tape.node(id).operands()) BOOST_TEST(operand < id);
  BOOST_TEST(tape.node(y.id()).name() == "add");
}

BOOST_AUTO_TEST_CASE(plain_operands_become_constants) {
  Tape tape;
  const Var x = tape.input(two());
  const Var y = x + Var(two());
  const Node& node = tape.node(y.id());
  BOOST_TEST(node.operand_count == 2U);
  BOOST_TEST((tape.node(node.operands()[1]).leaf == Leaf::constant));
  BOOST_TEST(y.value().at(1) == 4);
}

// A net that is fed with a constant must find the tape behind its first operation, or its parameters get no gradient.
BOOST_AUTO_TEST_CASE(what_is_made_of_constants_stays_on_the_tape) {
  Tape tape;
  const Var c = exp(tape.constant(two()));
  BOOST_TEST(tape.owns(c));
  BOOST_TEST(!tape.node(c.id()).tracked);
  const Var w = tape.parameter(two());
  BOOST_TEST(taut::grad(sum(c * w), w).value().at(1) == c.value().at(1));
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_without_a_reason) {
  Tape tape;
  BOOST_TEST(!(Var(two()) * Var(two())).on_tape());
  const Var x = tape.input(two());
  const std::size_t before = tape.size();
  {
    const Tape::Pause pause(tape);
    BOOST_TEST(!tape.recording());
    const Var y = exp(x);
    BOOST_TEST(!y.on_tape());
    { const Tape::Pause inner(tape); }
    BOOST_TEST(!tape.recording());
  }
  BOOST_TEST(tape.recording());
  BOOST_TEST(tape.size() == before);
  BOOST_TEST(exp(x).on_tape());
  BOOST_TEST(!exp(x.detached()).on_tape());
}

BOOST_AUTO_TEST_CASE(nodes_remember_the_line_of_the_user) {
  Tape tape;
  const Var x = tape.input(two());
  const int leaf_line = __LINE__ - 1;
  const auto line_of = [&](const Var& v) { return tape.node(v.id()).where.line; };
  const auto file_of = [&](const Var& v) { return std::string(tape.node(v.id()).where.basename()); };
  BOOST_TEST(line_of(x) == leaf_line);
  const Var a = exp(x);
  BOOST_TEST(line_of(a) == __LINE__ - 1);
  BOOST_TEST(file_of(a) == "tape_test.cpp");
  const Var b = x * a;
  BOOST_TEST(line_of(b) == __LINE__ - 1);
  BOOST_TEST(file_of(b) == "tape_test.cpp");
  const Var c = -b;
  BOOST_TEST(line_of(c) == __LINE__ - 1);
  const Var d = 2.0 - c;
  BOOST_TEST(line_of(d) == __LINE__ - 1);
  const Var e = d / 3.0;
  BOOST_TEST(line_of(e) == __LINE__ - 1);
  const Var f = mean(e);
  BOOST_TEST(line_of(f) == __LINE__ - 1);
  const Var g = x + Var(Tensor::scalar(1.0));
  // The broadcast in between belongs to the same line.
  for (NodeId id = f.id() + 1; id <= g.id(); ++id) BOOST_TEST(tape.node(id).where.line == __LINE__ - 2);
}

BOOST_AUTO_TEST_CASE(labels_are_kept_by_the_tape) {
  Tape tape;
  Var x;
  {
    const std::string label = "a label that is longer than any small string";
    x = tape.input(two(), label);
  }
  BOOST_TEST(tape.node(x.id()).label == "a label that is longer than any small string");
  const Var again = tape.input(two(), "a label that is longer than any small string");
  BOOST_TEST(tape.node(x.id()).label.data() == tape.node(again.id()).label.data());  // interned
}

BOOST_AUTO_TEST_CASE(rewinding_keeps_the_memory) {
  Tape tape;
  const auto step = [&] {
    tape.rewind();
    Var x = tape.input(Tensor::full({100}, DType::f64, 0.5), "x");
    Var y = x;
    for (int i = 0; i < 600; ++i) y = tanh(y * x);  // more than one chunk of nodes
    return grad(sum(y), x).value().at(0);
  };
  const double first = step();
  step();
  const std::size_t requests = memory::stats().system_requests;
  for (int i = 0; i < 5; ++i) BOOST_TEST(step() == first);
  BOOST_TEST(memory::stats().system_requests == requests);
  const std::uint32_t generation = tape.generation();
  tape.rewind();
  BOOST_TEST(tape.generation() == generation + 1);
  BOOST_TEST(tape.size() == 0U);
}

BOOST_AUTO_TEST_CASE(vars_from_before_a_rewind_are_refused) {
  Tape tape;
  const Var x = tape.input(two(), "x");
  const Var y = exp(x);
  tape.rewind();
  BOOST_TEST(!tape.owns(Var(two())));
  expect_error<UsageError>([&] { (void)x.id(); }, {"rewound"});
  expect_error<UsageError>([&] { (void)exp(x); }, {"rewound", "detached()"});
  expect_error<UsageError>([&] { (void)(x + Var(two())); }, {"rewound"});
  expect_error<UsageError>([&] { (void)grad(sum(y), x); }, {"rewound"});
  expect_error<UsageError>([&] { (void)Tape::of(x); }, {"rewound"});
  BOOST_TEST(y.value().at(0) == std::exp(1.0), boost::test_tools::tolerance(1e-15));  // the value itself stays
  BOOST_TEST(exp(x.detached()).value().at(0) == y.value().at(0));
}

BOOST_AUTO_TEST_CASE(vars_of_a_released_tape_are_refused) {
  Var x;
  {
    Tape tape;
    x = tape.input(two());
  }
  expect_error<UsageError>([&] { (void)exp(x); }, {"released"});
  expect_error<UsageError>([&] { (void)x.id(); }, {"released"});
  // Also when another tape has taken the released one's place.
  Tape other;
  const Var z = other.input(two());
  BOOST_CHECK_THROW((void)exp(x), UsageError);
  BOOST_CHECK_THROW((void)(x + z), UsageError);
}

BOOST_AUTO_TEST_CASE(two_tapes_do_not_mix) {
  Tape a, b;
  const Var x = a.input(two()), y = b.input(two());
  expect_error<UsageError>([&] { (void)(x + y); }, {"[add]", "tape_test.cpp", "two different tapes", "detached()"});
  expect_error<UsageError>([&] { (void)grad(sum(x), y); }, {"another tape"});
  expect_error<UsageError>([&] { (void)jvp(x, y, Var(two())); }, {"another tape"});
  BOOST_TEST(a.owns(x));
  BOOST_TEST(!a.owns(y));
  BOOST_TEST(Tape::of(x) == &a);
  BOOST_TEST((Tape::of(Var(two())) == nullptr));
  BOOST_TEST((x + y.detached()).on_tape());
}

BOOST_AUTO_TEST_CASE(undefined_operands_are_refused) {
  Tape tape;
  const Var x = tape.input(two());
  expect_error<UsageError>([&] { (void)(x + Var()); }, {"[add]", "operand 1", "undefined"});
  expect_error<UsageError>([&] { (void)exp(Var()); }, {"[exp]", "undefined"});
  expect_error<UsageError>([&] { (void)tape.input(Tensor()); }, {"defined tensor"});
  expect_error<UsageError>([&] { (void)tape.node(99); }, {"99", "1 nodes"});
  expect_error<UsageError>([&] { (void)Var(two()).id(); }, {"plain tensor"});
}

BOOST_AUTO_TEST_CASE(a_failed_operation_leaves_the_tape_as_it_was) {
  Tape tape;
  const Var x = tape.input(two());
  const std::size_t before = tape.size();
  BOOST_CHECK_THROW((void)reshape(x, {3}), ShapeError);
  BOOST_CHECK_THROW((void)(x + Var(Tensor::zeros({3}, DType::f64))), ShapeError);
  BOOST_TEST(tape.size() == before);
  BOOST_TEST(tape.recording());
  BOOST_TEST(grad(sum(x), x).value().at(0) == 1.0);
}

BOOST_AUTO_TEST_CASE(an_outline_computes_what_is_constant_alone) {
  Tape tape;
  const Var x = tape.input(two()), c = tape.constant(two());
  {
    const Outline outline(tape);
    const Var twice = c + c, y = matmul(reshape(x * twice, {2, 1}), reshape(c, {1, 2}));
    BOOST_TEST(twice.value().at(1) == 4.0);
    BOOST_TEST((y.shape() == Shape{2, 2}));
    BOOST_TEST(tape.node(y.id()).tracked);
    BOOST_CHECK_THROW((void)(y + Var(Tensor::zeros({3}, DType::f64))), ShapeError);
    const memory::Limit limit(1 << 20);
    BOOST_CHECK_THROW((void)broadcast_to(y, {1 << 20, 2, 2}), MemoryError);
  }
  BOOST_TEST((x * c).value().at(1) == 4.0);
}

BOOST_AUTO_TEST_CASE(threads_have_tapes_of_their_own) {
  const auto work = [](double& result) {
    for (int i = 0; i < 50; ++i) {
      Tape tape;
      const Var x = tape.input(Tensor::full({64}, DType::f64, 0.25));
      result = grad(sum(square(x)), x).value().at(63);
    }
  };
  double first = 0, second = 0;
  std::thread other([&] { work(second); });
  work(first);
  other.join();
  BOOST_TEST(first == 0.5);
  BOOST_TEST(second == 0.5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
