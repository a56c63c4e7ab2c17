// Graphs drawn at random, of operations that keep samples apart, move or mix them, with sizes that coincide: what is
// claimed of one sample is held against the graph as it stands, all samples together.
#include <boost/test/unit_test.hpp>

#include "autodiff/error.h"
#include "harness/options.h"
#include "harness/random.h"
#include "tests/onnx/import/whole_tensor.h"

namespace taut::test {
namespace {

using harness::Random;

class Drawn {
 public:
  Drawn(Random& random, const Shape& shape) : random_(random), shape_(shape), start_(shape), at_("x") {
    for (int k = 0; k < 3; ++k) constants_.emplace_back(cat("axis", k), wholes({double(k)}));
    constants_.emplace_back("zero", wholes({0}));
  }

  // One operation more, where it fits.
  void grow() {
    const std::size_t nodes = nodes_.size(), constants = constants_.size();
    const std::string before = at_;
    add();
    try {
      Tensor x = Tensor::zeros(start_, DType::f64);
      const Shape next = evaluated(data("", {}), x).shape();
      if (next.rank() > 4 || next.size() > 64 || next.size() == 0) throw ShapeError("too large");
      shape_ = next;
    } catch (const Error&) {
      nodes_.resize(nodes);
      constants_.resize(constants);
      at_ = before;
    }
  }

  // With the input's first size as it was drawn, another, or open (0).
  onnx::GraphData data(const std::string& open, std::optional<Index> samples) const {
    auto nodes = nodes_;
    nodes.push_back(node("Identity", {at_}, "y"));
    onnx::GraphData result = graph(samples ? start_.with(0, *samples) : start_, nodes, constants_);
    if (!open.empty()) (*result.inputs[0].shape)[0] = {std::nullopt, open};
    return result;
  }
  const Shape& start() const { return start_; }
  std::string text() const {
    std::string all = start_.str();
    for (const onnx::GraphNode& n : nodes_) {
      all += " " + n.op + "(";
      for (const std::string& input : n.inputs) all += input + " ";
      all += ")";
    }
    for (const auto& [name, array] : constants_) all += " " + name + array.tensor.shape().str();
    return all;
  }

 private:
  std::string next(std::string op, std::vector<std::string> inputs,
                   std::map<std::string, onnx::Attribute> attributes = {}) {
    const std::string name = cat('v', nodes_.size());
    nodes_.push_back(node(std::move(op), std::move(inputs), name, std::move(attributes)));
    return name;
  }
  std::string constant(const onnx::Array& array) {
    constants_.emplace_back(cat('c', constants_.size()), array);
    return constants_.back().first;
  }
  std::string axis() { return cat("axis", random_.integer(0, std::min(2, std::max(0, shape_.rank() - 1)))); }
  std::int64_t any_axis() { return random_.integer(0, std::max(0, shape_.rank() - 1)); }
  std::vector<double> sizes(const Shape& shape) const {
    std::vector<double> list;
    for (const Index d : shape.dims()) list.push_back(static_cast<double>(d));
    return list;
  }

  // Of a shape that broadcasts with the value, often with all of its sizes; often the same along the first axis.
  std::string operand() {
    Shape shape = shape_;
    for (int i = 0; i < shape.rank(); ++i)
      if (random_.integer(0, 2) == 0) shape = shape.with(i, 1);
    while (shape.rank() > 0 && random_.integer(0, 3) == 0) shape = shape.without(0);
    Tensor t = random_.tensor(shape, {0.5, 2.0});
    if (shape.rank() > 0 && random_.coin())
      for (Index i = 0; i < t.size(); ++i)
        t.mutable_data<double>()[static_cast<std::size_t>(i)] = t.at(i % (t.size() / shape[0]));
    return constant({t, onnx::ElementType::f64});
  }

  void add() {
    const auto number = [](std::int64_t k) { return onnx::Attribute(k); };
    switch (random_.integer(0, 15)) {
      case 0:
        at_ = next("Relu", {at_});
        return;
      case 1:
        at_ = next(random_.coin() ? "Add" : "Mul", {at_, operand()});
        return;
      case 2: {
        std::vector<std::int64_t> order;
        for (int i = 0; i < shape_.rank(); ++i) order.push_back(i);
        for (std::size_t i = order.size(); i > 1; --i)
          std::swap(order[i - 1], order[static_cast<std::size_t>(random_.integer(0, static_cast<Index>(i) - 1))]);
        at_ = next("Transpose", {at_}, {{"perm", order}});
        return;
      }
      case 3: {  // two sizes in one, or one in two, or any order, as numbers or left open
        std::vector<double> to = sizes(shape_);
        if (to.size() >= 2 && random_.coin()) {
          const auto k = static_cast<std::size_t>(random_.integer(0, static_cast<Index>(to.size()) - 2));
          to[k] *= to[k + 1];
          to.erase(to.begin() + static_cast<std::ptrdiff_t>(k) + 1);
        } else if (to.size() >= 2) {
          std::swap(to.front(), to.back());
        }
        if (random_.coin())
          to.insert(to.begin() + static_cast<std::ptrdiff_t>(random_.integer(0, static_cast<Index>(to.size()))), 1.0);
        if (!to.empty() && random_.coin())
          to[static_cast<std::size_t>(random_.integer(0, static_cast<Index>(to.size()) - 1))] = -1;
        if (!to.empty() && to[0] == static_cast<double>(shape_.rank() > 0 ? shape_[0] : 0) && random_.coin()) to[0] = 0;
        at_ = next("Reshape", {at_, constant(wholes(to))});
        return;
      }
      case 4:
        at_ = next("Flatten", {at_}, {{"axis", number(any_axis())}});
        return;
      case 5:
        at_ = next("Unsqueeze", {at_, axis()});
        return;
      case 6:
        at_ = next("Squeeze", {at_});
        return;
      case 7:
        at_ = next(random_.coin() ? "ReduceSum" : "ReduceMax", {at_},
                   {{"axes", std::vector<std::int64_t>{any_axis()}}, {"keepdims", number(random_.integer(0, 1))}});
        reduce_sum();
        return;
      case 8:
        at_ = next("Concat", {at_, random_.coin() ? at_ : operand()}, {{"axis", number(any_axis())}});
        return;
      case 9:
        at_ = next("Gather", {at_, constant(wholes({0, static_cast<double>(random_.integer(-1, 0))}))},
                   {{"axis", number(any_axis())}});
        return;
      case 10:
        at_ = next("Softmax", {at_}, {{"axis", number(any_axis())}});
        return;
      case 11: {  // a number computed from a size
        const std::string size =
            next("Gather", {next("Shape", {at_}), constant(wholes({static_cast<double>(any_axis())}))});
        at_ = next("Mul", {at_, next("Cast", {size}, {{"to", number(11)}})});
        return;
      }
      case 12: {
        const Index n = shape_.rank() > 0 ? shape_[shape_.rank() - 1] : 1;
        at_ = next("MatMul", {at_, constant({random_.tensor({n, random_.integer(1, 3)}), onnx::ElementType::f64})});
        return;
      }
      case 13: {
        const Index n = shape_.rank() > 1 ? shape_[shape_.rank() - 2] : 1;
        at_ = next("MatMul", {constant({random_.tensor({random_.integer(1, 3), n}), onnx::ElementType::f64}), at_});
        return;
      }
      case 14:
        at_ = next("Expand", {at_, random_.coin() ? constant(wholes(sizes(shape_))) : next("Shape", {at_})});
        return;
      default: {  // zeros for every sample in front
        const std::string zeros =
            next("ConstantOfShape", {next("Shape", {at_})},
                 {{"value", onnx::Array{Tensor::full(Shape{1}, DType::f64, 0.5), onnx::ElementType::f64}}});
        at_ = next("Concat", {zeros, at_}, {{"axis", number(any_axis())}});
        return;
      }
    }
  }
  // ReduceSum takes its axes as an operand.
  void reduce_sum() {
    onnx::GraphNode& last = nodes_.back();
    if (last.op != "ReduceSum") return;
    const auto axes = std::get<std::vector<std::int64_t>>(last.attributes.at("axes"));
    last.attributes.erase("axes");
    last.inputs.push_back(cat("axis", std::min<std::int64_t>(2, axes.front())));
  }

  Random& random_;
  Shape shape_, start_;
  std::string at_;
  std::vector<onnx::GraphNode> nodes_;
  Constants constants_;
};

struct Counts {
  int apart = 0, whole = 0;
};

// Is the claim of a model at least as large as what the graph does at this size?
void check_claim(const onnx::Model& model, const onnx::GraphData& stands, const Shape& shape, Random& random) {
  const Tensor x = random.tensor(shape, {-2.0, 2.0});
  const Tensor jacobian = differences(stands, x);
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    const double least = norm_from_below(jacobian, norm), upper = bounded(model, norm).bound.value();
    BOOST_TEST(upper >= least * (1 - 1e-6) - 1e-9, "norm " << to_string(norm) << ": " << upper << " < " << least);
  }
}

bool apart(const onnx::Model& model) {
  return model.notes().size() == 1 && model.notes()[0].find("are proved") != std::string::npos;
}

// Samples that stay apart: the function of one, applied to each, gives the numbers of the graph.
void check_samples(const onnx::Model& model, const onnx::GraphData& stands, const Shape& shape, Random& random) {
  const Tensor x = random.tensor(shape, {-2.0, 2.0});
  const Tensor rows = model.sample().shape().rank() == shape.rank() ? x : x.reshaped({shape[0], x.size() / shape[0]});
  Tensor together = evaluated(stands, x);
  const Tensor one_by_one = model(Var(rows)).value();
  BOOST_TEST_REQUIRE(together.size() == one_by_one.size());
  std::vector<double> a, b;  // the axis of samples may lie elsewhere
  for (Index i = 0; i < together.size(); ++i) a.push_back(together.at(i)), b.push_back(one_by_one.at(i));
  std::ranges::sort(a);
  std::ranges::sort(b);
  double off = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) off = std::max(off, std::fabs(a[i] - b[i]) / (1.0 + std::fabs(a[i])));
  BOOST_TEST(off < 1e-12);
}

BOOST_AUTO_TEST_SUITE(onnx_samples_generated)

BOOST_AUTO_TEST_CASE(claims_of_one_sample_hold_for_all_of_them) {
  Random random("claims of one sample");
  Counts fixed, open;
  const int graphs = harness::iterations(400);
  for (int n = 0; n < graphs; ++n) {
    const Index rank = random.integer(1, 3);
    std::vector<Index> dims;
    for (Index i = 0; i < rank; ++i) dims.push_back(random.integer(1, 3));
    Drawn drawn(random, Shape(dims));
    for (Index k = random.integer(1, 5); k > 0; --k) drawn.grow();
    BOOST_TEST_CONTEXT(drawn.text()) {
      const onnx::GraphData stands = drawn.data("", {});
      const onnx::Model model = onnx::Model::of(stands);
      check_claim(model, stands, drawn.start(), random);
      if (apart(model)) check_samples(model, stands, drawn.start(), random);
      ++(apart(model) ? fixed.apart : fixed.whole);
      if (rank < 2) continue;
      std::optional<onnx::Model> of_any;
      try {
        of_any = onnx::Model::of(drawn.data("n", {}));
      } catch (const Error&) {
        continue;  // cannot be computed with one sample
      }
      ++(apart(*of_any) ? open.apart : open.whole);
      for (Index samples = 1; samples <= (apart(*of_any) ? 5 : 1); ++samples) {
        if (apart(*of_any) && samples == 1) continue;  // a size of 1 may be stretched or dropped
        check_claim(*of_any, drawn.data("", samples), drawn.start().with(0, samples), random);
        if (apart(*of_any)) check_samples(*of_any, drawn.data("", samples), drawn.start().with(0, samples), random);
      }
    }
  }
  BOOST_TEST_MESSAGE(fixed.apart << " apart, " << fixed.whole << " whole; open: " << open.apart << ", " << open.whole);
  BOOST_TEST(fixed.apart > graphs / 20);
  BOOST_TEST(fixed.whole > graphs / 20);
  BOOST_TEST(open.apart > graphs / 20);
  BOOST_TEST(open.whole > graphs / 20);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
