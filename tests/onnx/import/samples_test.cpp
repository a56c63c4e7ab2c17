// What is one sample: the first axis only where that is proved.
#include <boost/test/unit_test.hpp>

#include "autodiff/error.h"
#include "lipschitz/lower.h"
#include "tests/onnx/import/whole_tensor.h"

namespace taut::test {
namespace {

using List = std::vector<std::int64_t>;

onnx::GraphNode summed(const std::string& x, std::int64_t axis, std::int64_t keep = 1) {
  return node("ReduceSum", {x, cat("axis", axis)}, "y", {{"keepdims", keep}});
}
// Constants that most graphs use: axes and shapes.
Constants with(Constants more) {
  for (const int axis : {0, 1, 2}) more.emplace_back(cat("axis", axis), wholes({double(axis)}));
  more.emplace_back("first", wholes({0}));
  return more;
}
onnx::GraphData opened(onnx::GraphData data) {
  (*data.inputs[0].shape)[0] = {std::nullopt, "batch"};
  return data;
}

// Nodes from "x" to "y", by what is claimed of them.
struct Case {
  std::string name;
  Shape shape;
  std::vector<onnx::GraphNode> nodes;
  Constants constants;
  bool apart;       // are samples proved to stay apart at this size
  bool apart_open;  // and with the first axis open
  double constant;  // of the graph as it stands, exact
};

std::vector<onnx::GraphNode> scaled_by_size() {
  return {node("Shape", {"x"}, "s"), node("Gather", {"s", "first"}, "n"),
          node("Cast", {"n"}, "c", {{"to", std::int64_t{11}}}), node("Mul", {"x", "c"}, "y")};
}
// A token in front of every sample, expanded to as many as there are.
std::vector<onnx::GraphNode> with_a_token() {
  return {node("Shape", {"x"}, "s"), node("Gather", {"s", "first"}, "n"),
          node("Concat", {"n", "rest"}, "size", {{"axis", std::int64_t{0}}}), node("Expand", {"token", "size"}, "t"),
          node("Concat", {"t", "x"}, "y", {{"axis", std::int64_t{1}}})};
}

std::vector<Case> cases() {
  const double root3 = std::sqrt(3.0), root2 = std::sqrt(2.0);
  const auto axis = [](std::int64_t k) { return std::map<std::string, onnx::Attribute>{{"axis", k}}; };
  const onnx::Array rows = floats({4, 3}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}),
                    same = floats({4, 3}, std::vector<double>(12, 5)), swap = floats({2, 2}, {0, 2, 3, 0});
  std::vector<Case> all;
  const auto add = [&](const char* name, const Shape& shape, std::vector<onnx::GraphNode> nodes, Constants constants,
                       bool apart, bool open, double constant) {
    all.push_back({name, shape, std::move(nodes), with(std::move(constants)), apart, open, constant});
  };
  add("elementwise", {4, 3}, {node("Relu", {"x"}, "y")}, {}, true, true, 1.0);
  add("reshape to one row", {4, 3}, {node("Reshape", {"x", "s"}, "r"), summed("r", 1)}, {{"s", wholes({1, -1})}}, false,
      false, 2.0 * root3);
  add("reshape that copies the first size", {4, 3}, {node("Reshape", {"x", "s"}, "y")}, {{"s", wholes({0, -1, 1})}},
      true, true, 1);
  add("reshape to the size of the file", {4, 3}, {node("Reshape", {"x", "s"}, "y")}, {{"s", wholes({4, 1, 3})}}, true,
      false, 1);
  add("flatten from the first axis", {4, 3}, {node("Flatten", {"x"}, "f", axis(0)), summed("f", 1)}, {}, false, false,
      2.0 * root3);
  add("flatten from the second axis", {4, 3}, {node("Flatten", {"x"}, "f", axis(1)), summed("f", 1)}, {}, true, true,
      root3);
  add("unsqueeze and sum", {4, 3}, {node("Unsqueeze", {"x", "axis0"}, "u"), summed("u", 1)}, {}, false, false, 2);
  add("unsqueeze and sum behind", {4, 3}, {node("Unsqueeze", {"x", "axis0"}, "u"), summed("u", 2, 0)}, {}, true, true,
      root3);
  add("sum over samples", {4, 3}, {summed("x", 0)}, {}, false, false, 2);
  add("scaled by the number of samples", {4, 3}, scaled_by_size(), {}, true, false, 4);
  add("a row for every sample", {4, 3}, {node("Mul", {"x", "c"}, "y")}, {{"c", rows}}, false, false, 4);
  add("the same row for every sample", {4, 3}, {node("Mul", {"x", "c"}, "y")}, {{"c", same}}, true, false, 5);
  add("a bias for every sample", {4, 3}, {node("Add", {"x", "c"}, "y")}, {{"c", rows}}, false, false, 1);
  add("a token from a shape", {4, 2, 3}, with_a_token(),
      {{"token", floats({1, 1, 3}, {1, 2, 3})}, {"rest", wholes({1, 3})}}, true, true, 1);
  add("a token for every sample", {2, 2, 3}, {node("Concat", {"t", "x"}, "y", axis(1))},
      {{"t", floats({2, 1, 3}, {1, 2, 3, 1, 2, 3})}}, true, false, 1);
  add("another token for every sample", {2, 2, 3}, {node("Concat", {"t", "x"}, "y", axis(1))},
      {{"t", floats({2, 1, 3}, {1, 2, 3, 1, 2, 4})}}, false, false, 1);
  add("samples moved to the second axis", {4, 3}, {node("Transpose", {"x"}, "t"), summed("t", 0)}, {}, true, true,
      root3);
  add("samples moved and summed", {4, 3}, {node("Transpose", {"x"}, "t"), summed("t", 1)}, {}, false, false, 2);
  add("a sample picked", {4, 3}, {node("Gather", {"x", "i"}, "y", axis(0))}, {{"i", wholes({0, 0})}}, false, false,
      root2);
  add("numbers of a sample picked", {4, 3}, {node("Gather", {"x", "i"}, "y", axis(1))}, {{"i", wholes({0, 0})}}, true,
      true, root2);
  add("elements picked", {2, 2}, {node("GatherElements", {"x", "i"}, "y", axis(1))},
      {{"i", {Tensor::of<double>({2, 2}, {0, 0, 0, 1}), onnx::ElementType::i64}}}, false, false, root2);
  add("samples behind one another", {4, 3}, {node("Concat", {"x", "x"}, "y", axis(0))}, {}, false, false, root2);
  add("samples beside one another", {4, 3}, {node("Concat", {"x", "x"}, "y", axis(1))}, {}, true, true, root2);
  add("a product from the left", {2, 2}, {node("MatMul", {"w", "x"}, "y")}, {{"w", swap}}, false, false, 3);
  add("a product from the right", {2, 2}, {node("MatMul", {"x", "w"}, "y")}, {{"w", swap}}, true, true, 3);
  add("with its own transpose", {3, 3}, {node("Transpose", {"x"}, "t"), node("Add", {"x", "t"}, "y")}, {}, false, false,
      2);
  add("a transposed product", {2, 2}, {node("Gemm", {"x", "w"}, "y", {{"transA", std::int64_t{1}}})}, {{"w", swap}},
      false, false, 3);
  add("a bias of one column", {2, 2}, {node("Gemm", {"x", "w", "c"}, "y")},
      {{"w", swap}, {"c", floats({2, 1}, {1, 2})}}, false, false, 3);
  add("stretched along the samples", {1, 3}, {node("Expand", {"x", "s"}, "y")}, {{"s", wholes({4, 3})}}, true, false,
      2);
  add("stretched along another axis", {4, 1}, {node("Expand", {"x", "s"}, "y")}, {{"s", wholes({4, 4})}}, true, false,
      2);
  add("stretched, the samples left out", {4, 1}, {node("Expand", {"x", "s"}, "y")}, {{"s", wholes({3})}}, true, true,
      root3);
  add("repeated along the samples", {4, 3}, {node("Tile", {"x", "s"}, "y")}, {{"s", wholes({2, 1})}}, false, false,
      root2);
  add("cut along the samples", {4, 3}, {node("Slice", {"x", "first", "one"}, "y")}, {{"one", wholes({2})}}, false,
      false, 1);
  add("all samples of a slice", {4, 3}, {node("Slice", {"x", "first", "one"}, "y")}, {{"one", wholes({9})}}, true, true,
      1);
  add("backwards", {4, 3}, {node("Slice", {"x", "from", "to", "first", "step"}, "y")},
      {{"from", wholes({-1})}, {"to", wholes({-99})}, {"step", wholes({-1})}}, false, false, 1);
  return all;
}

bool says(const onnx::Model& model, const std::string& part) {
  return std::ranges::any_of(model.notes(), [&](const std::string& n) { return n.find(part) != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE(onnx_samples)

BOOST_AUTO_TEST_CASE(samples_are_one_only_where_that_is_proved) {
  for (const Case& c : cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const auto data = graph(c.shape, c.nodes, c.constants);
      const onnx::Model model = onnx::Model::of(data);
      if (c.shape[0] > 1) {
        BOOST_TEST(says(model, "proved to stay apart; ") == c.apart);
        BOOST_TEST(says(model, "the whole tensor is one input") == !c.apart);
      }
      BOOST_TEST((model.inputs()[0].shape == (c.apart ? c.shape.with(0, 1) : c.shape)));
      const double upper = bounded(model).bound.value();
      BOOST_TEST(upper >= c.constant * (1 - 1e-14));
      BOOST_TEST(upper <= c.constant * (1 + 1e-9));
      Tensor x = Tensor::zeros(c.shape, DType::f64);
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i)
        x.mutable_data<double>()[i] = 0.1 + std::fmod(0.618 * static_cast<double>(i), 1.0);
      for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
        BOOST_TEST(bounded(model, norm).bound.value() >= norm_from_below(differences(data, x), norm) * (1 - 1e-7));
      // Nothing is lost by it: the whole tensor has the same constant.
      onnx::ImportOptions whole;
      whole.batch_axis = onnx::no_batch_axis;
      const onnx::Model one = onnx::Model::of(data, whole);
      BOOST_TEST((one.inputs()[0].shape == c.shape));
      BOOST_TEST(std::fabs(bounded(one).bound.value() - upper) <= 1e-9 * upper);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_open_number_of_samples_needs_two_numbers) {
  for (const Case& c : cases()) {
    BOOST_TEST_CONTEXT(c.name) {
      const auto data = opened(graph(c.shape, c.nodes, c.constants));
      std::optional<onnx::Model> model;
      try {
        model = onnx::Model::of(data);
      } catch (const Error&) {  // made for the size that it had
        BOOST_TEST(!c.apart_open);
        continue;
      }
      BOOST_TEST(says(*model, "proved to stay apart, with 2 and with 3") == c.apart_open);
      BOOST_TEST(says(*model, "taken as 1") == !c.apart_open);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_axis_that_is_asked_for_is_proved_or_refused) {
  onnx::ImportOptions options;
  const auto summed_0 = graph({4, 3}, {node("Relu", {"x"}, "r"), summed("r", 0)}, with({}));
  options.batch_axis = 1;
  const onnx::Model columns = onnx::Model::of(summed_0, options);
  BOOST_TEST((columns.inputs()[0].shape == Shape{4, 1}));
  BOOST_TEST((columns.sample().shape() == Shape{1, 4}));
  BOOST_TEST(bounded(columns).bound.value() == 2.0);
  const Tensor two = columns(Var(Tensor::of<double>({2, 4}, {1, 2, 3, 4, 5, -6, 7, 8}))).value();
  BOOST_TEST(two.at(0) == 10.0);
  BOOST_TEST(two.at(1) == 20.0);
  const auto refused = [&](int axis, const char* part) {
    options.batch_axis = axis;
    try {
      onnx::Model::of(summed_0, options);
      BOOST_ERROR("nothing was refused");
    } catch (const UnsupportedError& error) {
      BOOST_TEST(std::string(error.what()).find(part) != std::string::npos, error.what());
      BOOST_TEST(std::string(error.what()).find("--batch-axis") != std::string::npos, error.what());
    }
  };
  refused(0, "node 2 'y' (ReduceSum)");
  refused(2, "of rank 2");
  // A vector is one sample, unless somebody says that it holds some.
  const auto vector = graph({5}, {node("Relu", {"x"}, "y")});
  BOOST_TEST((onnx::Model::of(vector).sample().shape() == Shape{1, 5}));
  options.batch_axis = 0;
  BOOST_TEST((onnx::Model::of(vector, options).sample().shape() == Shape{1, 1}));
}

BOOST_AUTO_TEST_CASE(the_shape_that_is_given_is_taken_as_it_is) {
  const auto data = graph({4, 3}, scaled_by_size(), with({}));
  onnx::ImportOptions options;
  for (const Index n : {1, 2, 7}) {
    options.input_shape = {n, 3};
    const onnx::Model model = onnx::Model::of(data, options);
    BOOST_TEST((model.inputs()[0].shape == Shape{1, 3}));
    BOOST_TEST(bounded(model).bound.value() == static_cast<double>(n));
  }
}

BOOST_AUTO_TEST_CASE(several_inputs_have_their_samples_along_one_axis) {
  auto data = graph({4, 2}, {node("Sub", {"x", "z"}, "y")});
  data.inputs.push_back({"z", onnx::ElementType::f64, std::vector<onnx::Dimension>{{4, ""}, {2, ""}}});
  const onnx::Model both = onnx::Model::of(data);
  BOOST_TEST(says(both, "4 samples along axis 0 of 'x, z'"));
  BOOST_TEST((both.sample().shape() == Shape{1, 4}));
  const Tensor y = both(Var(Tensor::of<double>({2, 4}, {1, 2, 30, 40, 5, 6, 70, 80}))).value();
  BOOST_TEST((y.shape() == Shape{2, 2}));
  BOOST_TEST(y.at(0) == -29.0);
  BOOST_TEST(y.at(3) == -74.0);
  // One that all samples share belongs to none of them: the constant is √(4 + 1), not √2.
  data.inputs[1].shape = std::vector<onnx::Dimension>{{1, ""}, {2, ""}};
  const onnx::Model shared = onnx::Model::of(data);
  BOOST_TEST(says(shared, "sizes of 4 and 1"));
  BOOST_TEST(bounded(shared).bound.value() >= std::sqrt(5.0) * (1 - 1e-14));
  // Held inputs have as many samples.
  data.inputs[1].shape = std::vector<onnx::Dimension>{{4, ""}, {2, ""}};
  onnx::ImportOptions only;
  only.input = "x";
  const onnx::Model one = onnx::Model::of(data, only);
  BOOST_TEST((one.sample().shape() == Shape{1, 2}));
  BOOST_TEST(bounded(one).bound.value() == 1.0);
  // Along an open axis too.
  for (onnx::GraphPort& port : data.inputs) (*port.shape)[0] = {std::nullopt, "n"};
  BOOST_TEST(says(onnx::Model::of(data, only), "with 2 and with 3"));
}

BOOST_AUTO_TEST_CASE(one_sample_may_do_anything_with_its_first_axis) {
  const auto data = graph({1, 2, 3}, {node("ReduceMean", {"x"}, "y")});
  const onnx::Model model = onnx::Model::of(data);
  BOOST_TEST(model.notes().empty());
  BOOST_TEST(std::fabs(bounded(model).bound.value() - std::sqrt(1.0 / 6.0)) < 1e-12);
  // Several are computed one by one, for searches as well.
  const Tensor y = model(Var(Tensor::of<double>({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))).value();
  BOOST_TEST_REQUIRE(y.size() == 2);
  BOOST_TEST(y.at(0) == 3.5);
  BOOST_TEST(y.at(1) == 9.5);
  LowerOptions options;
  options.question.sample_axis = no_sample_axis;
  BOOST_TEST(dataset_lower_bound(model.function(), Tensor::zeros({3, 2, 3}, DType::f64), options).bound.value() > 0.4);
  // One by one also where a node is made for one sample: x² summed over everything, then spread again.
  const auto mixed =
      graph({1, 3}, {node("ReduceSum", {"x"}, "s", {{"keepdims", std::int64_t{0}}}), node("Mul", {"x", "s"}, "y")});
  const Tensor z = onnx::Model::of(mixed)(Var(Tensor::of<double>({2, 3}, {1, 1, 1, 2, 2, 2}))).value();
  BOOST_TEST(z.at(0) == 3.0);
  BOOST_TEST(z.at(3) == 12.0);
}

// Images whose samples meet behind a convolution: its norm is that of one image.
BOOST_AUTO_TEST_CASE(convolutions_of_several_images_are_one_map) {
  const auto net = [](Index n, const std::string& op, std::int64_t groups) {
    std::vector<double> weights;
    for (int k = 0; k < (groups == 1 ? 36 : 18); ++k) weights.push_back(std::sin(1.0 + k));
    auto convolution =
        node(op, {"x", "w"}, "c", {{"pads", List{1, 0, 1, 0}}, {"strides", List{1, 2}}, {"group", groups}});
    return graph({n, 2, 5, 5}, {convolution, node("Mul", {"c", "s"}, "b"), node("ReduceSum", {"b", "axis0"}, "y")},
                 with({{"w", floats({2, groups == 1 ? 2 : 1, 3, 3}, weights)}, {"s", floats({2, 1, 1}, {0.5, 3})}}));
  };
  for (const char* op : {"Conv", "ConvTranspose"})
    for (const std::int64_t groups : {1, 2}) {
      BOOST_TEST_CONTEXT(op << " in " << groups << " groups") {
        const double one = bounded(onnx::Model::of(net(1, op, groups))).bound.value();
        for (const Index n : {2, 3}) {
          const auto data = net(n, op, groups);
          const onnx::Model model = onnx::Model::of(data);
          const double upper = bounded(model).bound.value(), root = std::sqrt(static_cast<double>(n));
          Tensor x = Tensor::full({n, 2, 5, 5}, DType::f64, 0.25);
          BOOST_TEST(upper >= norm_from_below(differences(data, x), Norm::l2) * (1 - 1e-7));
          BOOST_TEST(std::fabs(upper - root * one) < 1e-3 * upper);
          // Unfolded layers too, images and all.
          BOOST_TEST((model.layers().at(0).in == Shape{n, 2, 5, 5}));
          BOOST_TEST((model.layers().at(0).map.in_shape() == Shape{n, 2, 5, 5}));
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(many_samples_are_looked_at_without_computing_them) {
  const auto data =
      graph({4096, 3, 16, 16}, {node("Conv", {"x", "w"}, "c", {{"pads", List{1, 1, 1, 1}}}), node("Relu", {"c"}, "y")},
            {{"w", floats({2, 3, 3, 3}, std::vector<double>(54, 0.1))}});
  BOOST_TEST(says(onnx::Model::of(data), "4096 samples"));
  // Beyond what fits into memory nothing is proved and nothing is done; the message says what to do.
  const auto huge = graph({1 << 30, 3, 16, 16}, {node("Relu", {"x"}, "y")});
  try {
    onnx::Model::of(huge);
    BOOST_ERROR("nothing was refused");
  } catch (const Error& error) {
    BOOST_TEST(std::string(error.what()).find("--input-shape") != std::string::npos, error.what());
  }
  onnx::ImportOptions one;
  one.input_shape = {1, 3, 16, 16};
  BOOST_TEST(bounded(onnx::Model::of(huge, one)).bound.value() == 1.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
