// Every operand of every primitive, given wrongly: undefined, of another dtype, with an axis more or less, with one
// length changed. Each is either refused, by an exception of the right class that names the op and what was given, or
// is a call like any other. bad_input_test.cpp holds what has to be thought of: attributes, and words of repair.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/registry.h"
#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/tolerances.h"
#include "tests/registrar.h"

namespace taut::test {
namespace {

using harness::Inputs;
using harness::Sample;

// What users call and is no primitive itself: compositions, and differentiation, which samples of transposes call.
std::set<std::string> functions_that_are_no_primitives() {
  std::set<std::string> names;
  const std::regex declaration("^[A-Za-z]+ ([a-z0-9_]+)\\(.*");
  for (const char* const header : {"ops.h", "diff.h"}) {
    std::ifstream file(cat(TAUT_SOURCE_DIR "/autodiff/", header));
    std::smatch match;
    for (std::string line; std::getline(file, line);)
      if (std::regex_match(line, match, declaration)) names.insert(match[1]);
  }
  for (const OpInfo* const info : registry()) names.erase(std::string(info->name));
  return names;
}

// "add" of "[add] …"; "" when the text begins otherwise.
std::string named_op(const std::string& text) {
  const std::size_t end = text.find(']');
  return text.starts_with('[') && end != std::string::npos ? text.substr(1, end - 1) : "";
}

// One way to call an op. Operands are given as inputs of a tape and as plain tensors.
class Call {
 public:
  Call(std::string_view op, const Sample& sample)
      : sample_(sample), op_(op), random_(op), fitting_(draw_any(sample, random_)) {
    static const std::set<std::string> functions = functions_that_are_no_primitives();
    names_ = functions;
    names_.emplace(op);
    harness::Recording recording(sample, fitting_);
    operand_count_ = recording.node().operand_count;
    std::size_t leaves = 0;
    for (NodeId id = 0; id < recording.tape().size(); ++id) {
      const Node& node = recording.tape().node(id);
      if (node.op != nullptr) names_.emplace(node.name());
      leaves += node.leaf == Leaf::input || node.leaf == Leaf::parameter ? 1 : 0;
    }
    is_program_ = leaves > fitting_.size();
  }

  void expect_undefined_is_refused(std::size_t k) {
    if (is_program_) return;  // looks at its operands itself, as samples of transposes do
    for (const bool taped : {true, false}) {
      Tape tape;
      std::vector<Var> in = vars(fitting_, taped, tape);
      in[k] = Var();
      const std::string what = cat("operand ", k, " undefined");
      const auto result = refusal<UsageError>(in, what, [](const std::string&) {});
      // Without an operand that may be absent, a bias, the op has one less.
      if (result && taped) BOOST_TEST(tape.node(result->id()).operand_count + 1 == operand_count_, what << " is used");
    }
  }

  void expect_other_dtype_is_refused(std::size_t k) {
    for (const bool taped : {true, false})
      for (const DType others : {DType::f32, DType::f64}) {
        Inputs in = harness::to(fitting_, others);
        in[k] = in[k].to(others == DType::f32 ? DType::f64 : DType::f32);
        Tape tape;
        const std::string what = cat("operand ", k, " as ", in[k].dtype());
        const auto says_both = [&](const std::string& text) {
          BOOST_TEST((says(text, "f32") && says(text, "f64")), what << ": the text does not say the dtypes: " << text);
        };
        if (refusal<DTypeError>(vars(in, taped, tape), what, says_both)) BOOST_ERROR(what << " is not refused");
      }
  }

  // A shape that may or may not fit.
  void expect_shape_is_refused_or_fits(std::size_t k, const Shape& shape) {
    Inputs in = fitting_;
    in[k] = random_.tensor(shape, sample_.operands[k].domain);
    const std::string what = cat("operand ", k, " of shape ", shape, " for ", fitting_[k].shape());
    const auto says_shape = [&](const std::string& text) {
      const bool gives = std::ranges::any_of(in, [&](const Tensor& t) { return says(text, t.shape().str()); });
      BOOST_TEST(gives, what << ": the text does not give a shape: " << text);
    };
    Tape tape;
    const auto plain = refusal<ShapeError>(vars(in, false, tape), what + ", plain", says_shape);
    const auto taped = refusal<ShapeError>(vars(in, true, tape), what, says_shape);
    BOOST_TEST(plain.has_value() == taped.has_value(),
               what << ": refused only when " << (plain ? "recorded" : "plain"));
    if (!plain || !taped) return;
    BOOST_TEST(plain->value().first_non_finite() < 0, what << " gives " << plain->value());
    BOOST_TEST(harness::same_bits(plain->value(), taped->value()), what << ": recorded and plain values differ");
    if (tape.node(taped->id()).op != nullptr) expect_derivatives(in, plain->shape(), what);
  }

 private:
  static std::vector<Var> vars(const Inputs& in, bool taped, Tape& tape) {
    std::vector<Var> list;
    for (const Tensor& t : in) list.push_back(taped ? tape.input(t) : Var(t));
    return list;
  }

  static bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  // The result, or nothing when the call was refused; then by an E whose text names an op.
  template <class E, class F>
  std::optional<Var> refusal(std::span<const Var> in, const std::string& what, F&& check_text) const {
    try {
      return sample_.f(in);
    } catch (const E& error) {
      const std::string text = error.what();
      BOOST_TEST(names_.contains(named_op(text)), what << ": the text does not name the op: " << text);
      check_text(text);
    } catch (const std::exception& error) {
      BOOST_ERROR(what << ": an exception of another class: " << error.what());
    }
    return std::nullopt;
  }

  // What was not refused is a call like any other: its derivatives have the shapes of the operands and belong together.
  void expect_derivatives(const Inputs& in, const Shape& out, const std::string& what) {
    try {
      const Inputs tangents = random_like(in, random_), cotangent{random_.tensor(out)};
      const Inputs pulled = vjp_of(sample_, in, cotangent[0]), pushed{jvp_of(sample_, in, tangents)};
      for (std::size_t i = 0; i < in.size(); ++i)
        BOOST_TEST(pulled[i].shape() == in[i].shape(), what << ": vjp of operand " << i << " is " << pulled[i].shape());
      BOOST_TEST(pushed[0].shape() == out, what << ": jvp is " << pushed[0].shape());
      const double difference = std::fabs(harness::inner(pulled, tangents) - harness::inner(cotangent, pushed));
      BOOST_TEST(difference <= harness::tolerance.inner_product * (1 + harness::inner_magnitude(pulled, tangents)),
                 what << ": vjp is not the transpose of jvp, by " << difference);
    } catch (const std::exception& error) {
      BOOST_ERROR(what << " is not refused, but has no derivative: " << error.what());
    }
  }

  const Sample& sample_;
  std::string_view op_;
  harness::Random random_;
  Inputs fitting_;
  std::set<std::string> names_;  // that an error may give
  std::size_t operand_count_ = 0;
  bool is_program_ = false;  // the sample's function makes leaves of its own
};

// An axis more at either end, an axis less at either end, one length changed.
std::vector<Shape> neighbours(const Shape& shape) {
  const int rank = shape.rank();
  std::vector<Shape> shapes;
  if (rank < max_rank) shapes = {shape.inserted(0, 2), shape.inserted(rank, 2)};
  if (rank > 0) shapes.insert(shapes.end(), {shape.without(0), shape.without(rank - 1)});
  for (int axis = 0; axis < rank; ++axis)
    for (const Index length : {shape[axis] + 1, Index{0}})
      if (length != shape[axis]) shapes.push_back(shape.with(axis, length));
  return shapes;
}

template <class P>
void expect_refusals() {
  const std::string_view op = describe<P>().name;
  for (const Sample& sample : harness::samples<P>()) {
    BOOST_TEST_CONTEXT(op << ", sample " << sample.name) {
      Call call(op, sample);
      for (std::size_t k = 0; k < sample.operands.size(); ++k) {
        call.expect_undefined_is_refused(k);
        if (sample.operands.size() > 1) call.expect_other_dtype_is_refused(k);
        for (const Shape& shape : neighbours(sample.operands[k].shape)) call.expect_shape_is_refused_or_fits(k, shape);
      }
    }
  }
}

template <class... P>
void add_cases(boost::unit_test::test_suite& suite, PrimitiveList<P...>) {
  (suite.add(
       boost::unit_test::make_test_case(&expect_refusals<P>, std::string(describe<P>().name), __FILE__, __LINE__)),
   ...);
}

void register_refusals() {
  auto* const suite = BOOST_TEST_SUITE("refusals");
  add_cases(*suite, Primitives());
  boost::unit_test::framework::master_test_suite().add(suite);
}

const Registrar registrar(&register_refusals);

}  // namespace
}  // namespace taut::test
