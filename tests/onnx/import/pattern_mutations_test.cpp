// Files of recognised patterns, changed at random: what is still recognised has a bound that holds for the graph as it
// is written, and its values.
#include <Eigen/Dense>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <optional>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "harness/options.h"
#include "lipschitz/autolip.h"
#include "lipschitz/graph.h"
#include "nn/onnx/import/patterns.h"
#include "nn/onnx/import/program.h"
#include "tests/onnx/import/mutations.h"
#include "tests/onnx/import/pattern_files.h"

namespace taut::test {
namespace {

using onnx::Program;

Shape input_shape(const onnx::GraphData& graph) {
  std::vector<Index> dims;
  for (const onnx::Dimension& d : *graph.inputs[0].shape) dims.push_back(*d.size);
  return Shape(dims);
}

const std::string only_input[] = {"x"}, only_output[] = {"y"};
Program program_of(const onnx::GraphData& graph) { return {graph, "net.onnx", only_input, only_input, only_output}; }

// What is claimed about a graph.
class Claim {
 public:
  Claim(const onnx::GraphData& graph, Norm norm)
      : type_(graph.inputs[0].type),
        program_(program_of(graph)),
        zero_(Tensor::zeros(input_shape(graph), program_.dtype())) {
    program_.learn(std::vector<onnx::Value>{{Var(zero_), type_}});
    AutoLipOptions options;
    options.question.norm = norm;
    options.question.sample_axis = no_sample_axis;
    bound_ = autolip([this](const Var& x) { return (*this)(x); }, zero_, options).bound.value();
  }
  double bound() const { return bound_; }
  DType dtype() const { return program_.dtype(); }
  // The operators that parts of it are taken for.
  std::vector<std::string> recognised() const {
    std::vector<std::string> list;
    for (const onnx::Step& step : program_.steps())
      if (step.node.domain == onnx::recognised_domain) list.push_back(step.node.op);
    return list;
  }
  Range values(const Tensor& x) const {
    Tape tape;
    const Var y = (*this)(tape.input(x.to(program_.dtype())));
    const Range at = Range::point(x);
    if (!y.on_tape()) return Range::point(y.value());
    return Graph(y, "test").ranges(std::span(&at, 1))[y.id()];
  }

 private:
  Var operator()(const Var& x) const {
    return program_.run(std::vector<onnx::Value>{{x, type_}}, Tape::of(x), onnx::as_learned)[0].var;
  }

  onnx::ElementType type_;
  Program program_;
  Tensor zero_;
  double bound_ = 0.0;
};

// The graph as it is written, node by node, in f64.
class Written {
 public:
  explicit Written(const onnx::GraphData& graph) : program_(program_of(in_f64(graph))) {}
  Var operator()(const Var& x) const {
    return program_.run_at_a_point(std::vector<onnx::Value>{{x, onnx::ElementType::f64}}, Tape::of(x))[0].var;
  }

 private:
  Program program_;
};

double norm_of(const Tensor& jacobian, Index columns, Norm norm) {
  Eigen::MatrixXd m(jacobian.size() / columns, columns);
  for (Index i = 0; i < jacobian.size(); ++i) m(i / columns, i % columns) = jacobian.at(i);
  if (!m.allFinite() || m.size() == 0) return 0.0;
  if (norm == Norm::l1) return m.cwiseAbs().colwise().sum().maxCoeff();
  if (norm == Norm::linf) return m.cwiseAbs().rowwise().sum().maxCoeff();
  return Eigen::JacobiSVD<Eigen::MatrixXd>(m).singularValues()(0);
}

// Where slopes are largest: at the extrema of slopes of the gates, near 0, where entries are nearly equal, far out, and
// anywhere.
Tensor some_point(const Shape& shape, Dice& dice) {
  constexpr double extrema[] = {1.4142, -1.4142, 2.3994, -2.3994, 1.4906, 3.0, -3.0, 1.4185, 0.7, -0.01, 0.01};
  constexpr double scales[] = {1.0, 3.0, 0.1, 1e-2, 1e-4, 10.0};
  Tensor x = Tensor::uninitialised(shape, DType::f64);
  const std::size_t kind = dice.below(3);
  const double scale = scales[dice.below(std::size(scales))], centre = dice.real(-2.0, 2.0);
  for (double& e : x.mutable_data<double>())
    e = kind == 0   ? extrema[dice.below(std::size(extrema))] + dice.real(-1e-3, 1e-3)
        : kind == 1 ? scale * dice.real(-1.0, 1.0)
                    : centre + scale * dice.real(-1e-2, 1e-2);
  return x;
}

// For messages.
std::string text_of(const onnx::GraphData& graph) {
  std::string text = cat("\n  x ", input_shape(graph), ", opset ", graph.opsets.at(""));
  for (const auto& [name, array] : graph.initialisers) {
    text += cat("\n  ", name, " ", array.tensor.shape(), " =");
    for (Index i = 0; i < std::min<Index>(array.tensor.size(), 12); ++i) text += cat(' ', array.tensor.at(i));
  }
  for (const onnx::GraphNode& n : graph.nodes) {
    text += cat("\n  ", n.outputs[0], " = ", n.op, "(");
    for (const std::string& input : n.inputs) text += cat(' ', input);
    text += " )";
    for (const auto& [name, value] : n.attributes) text += cat(' ', name);
  }
  return text;
}

struct Counts {
  int recognised = 0, refused = 0, as_written = 0, untold = 0;
  std::map<std::string, int> by_operator;
};

// The largest slope that was seen must not lie above the bound, values must lie in their enclosures.
void check(const onnx::GraphData& graph, const std::string& what, Dice& dice, Counts& counts) {
  constexpr Norm norms[] = {Norm::l2, Norm::l1, Norm::linf};
  const Norm norm = norms[dice.below(3)];
  std::optional<Claim> claim;
  try {
    claim.emplace(graph, norm);
  } catch (const Error&) {
    ++counts.refused;
    return;
  }
  const std::vector<std::string> names = claim->recognised();
  ++(names.empty() ? counts.as_written : counts.recognised);
  for (const std::string& name : names) ++counts.by_operator[name];
  const Shape shape = input_shape(graph);
  try {
    const Written written(graph);
    constexpr int points = 6;
    for (int i = 0; i < points; ++i) {
      const Tensor x = some_point(shape, dice).to(claim->dtype()).to(DType::f64);  // that both can take
      const double seen = norm_of(jacobian(written, x), x.size(), norm);
      BOOST_TEST(claim->bound() >= seen * (1 - 1e-12),
                 what << ": " << claim->bound() << " for " << seen << text_of(graph));
      if (names.empty()) continue;
      const Tensor y = written(Var(x)).value();
      const Range enclosed = claim->values(x);
      BOOST_TEST_REQUIRE((enclosed.shape() == y.shape()),
                         what << ": the shape " << enclosed.shape() << " for " << y.shape() << text_of(graph));
      for (Index k = 0; k < y.size(); ++k) {
        const double tolerance = 1e-9 * (1 + std::fabs(y.at(k)));
        const bool inside = enclosed.at(k).lo - tolerance <= y.at(k) && y.at(k) <= enclosed.at(k).hi + tolerance;
        BOOST_TEST((inside || !std::isfinite(y.at(k))),
                   what << ": the value " << y.at(k) << " lies outside" << text_of(graph));
      }
    }
  } catch (const Error&) {
    ++counts.untold;
  }
}

BOOST_AUTO_TEST_SUITE(onnx_pattern_mutations)

BOOST_AUTO_TEST_CASE(every_spelling_is_recognised) {
  for (const PatternFile& file : pattern_files())
    for (const bool single : {false, true}) {
      const onnx::GraphData graph = single ? in_f32(file.graph) : file.graph;
      const Claim claim(graph, Norm::l2);
      const auto names = claim.recognised();
      BOOST_TEST((std::ranges::find(names, file.op) != names.end()), file.op << " is not recognised");
      BOOST_TEST(std::isfinite(claim.bound()), file.op);
      Dice dice(1);
      Counts counts;
      for (int i = 0; i < 3; ++i) check(graph, file.op, dice, counts);
      BOOST_TEST(counts.untold == 0, file.op);
    }
}

// Every constant in turn filled into larger shapes, of more axes, or along another axis than before.
BOOST_AUTO_TEST_CASE(constants_that_enlarge_are_not_the_number) {
  Dice dice(3);
  Counts counts;
  int changed = 0;
  for (const PatternFile& file : pattern_files())
    for (std::size_t k = 0; k < file.graph.initialisers.size(); ++k)
      for (const Shape& shape :
           {Shape{4, 1, 1}, Shape{1, 5, 1}, Shape{1, 1, 1, 1}, Shape{2, 1, 1, 1}, Shape{1, 2, 3}}) {
        onnx::GraphData graph = file.graph;
        // One number per axis, so that everything can be enlarged.
        for (onnx::Dimension& d : *graph.inputs[0].shape) d.size = shape == Shape{1, 2, 3} ? d.size : 1;
        onnx::Array& array = graph.initialisers[k].second;
        if (!onnx::is_float(array.type) || array.tensor.size() != 1) continue;
        array.tensor = Tensor::full(shape, DType::f64, array.tensor.at(0));
        check(graph, file.op + " with an enlarged constant", dice, counts);
        ++changed;
      }
  BOOST_TEST(counts.untold == 0);
  BOOST_TEST(counts.recognised >= changed / 10);
  BOOST_TEST(counts.as_written >= changed / 10);
}

BOOST_AUTO_TEST_CASE(what_is_changed_is_not_recognised_or_right) {
  const std::vector<PatternFile> files = pattern_files();
  Dice dice(harness::options().seed);
  Counts counts;
  const int total = harness::iterations(2500);
  for (int i = 0; i < total; ++i) {
    const PatternFile& file = files[dice.below(files.size())];
    onnx::GraphData graph = dice.once_in(2) ? in_f32(file.graph) : file.graph;
    std::string what = cat(file.op, " with");
    for (std::size_t k = dice.below(2); k < 2; ++k) what += cat(" ", mutate(graph, dice), ",");
    check(graph, what, dice, counts);
  }
  BOOST_TEST_MESSAGE(total << " mutations: " << counts.recognised << " recognised, " << counts.as_written
                           << " analysed as written, " << counts.refused << " refused, " << counts.untold
                           << " without a value to compare with");
  for (const auto& [name, count] : counts.by_operator) BOOST_TEST_MESSAGE("  " << name << ": " << count);
  // Much stays the pattern: to refuse everything would be no achievement.
  BOOST_TEST(counts.recognised >= total / 5);
  BOOST_TEST(counts.as_written >= total / 20);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
