// Random graphs: an input or two, a handful of nodes and decompositions, now and then with one thing changed.
#include <algorithm>
#include <sstream>

#include "tests/onnx/generated/draft.h"
#include "tests/onnx/generated/interpreter.h"

namespace taut::test::generated {
namespace {

Recipe drawn(Random& random, const std::vector<Weighted>& list) {
  std::int64_t total = 0;
  for (const Weighted& w : list) total += w.weight;
  std::int64_t at = random.whole(0, total - 1);
  for (const Weighted& w : list) {
    at -= w.weight;
    if (at < 0) return w.recipe;
  }
  return list.back().recipe;
}
Recipe drawn(Random& random) {
  const double kind = random.uniform(0, 1);
  if (kind < 0.28) return drawn(random, elementwise_recipes());
  if (kind < 0.58) return drawn(random, moving_recipes());
  if (kind < 0.78) return drawn(random, product_recipes());
  if (kind < 0.94) return drawn(random, pattern_recipes());
  return drawn(random, gate_recipes());
}

// Sizes often coincide, since that is where one axis is taken for another.
Sizes input_shape(Random& random, std::int64_t samples) {
  const std::int64_t rank = random.of({1, 2, 2, 2, 3, 3, 4, 4}), usual = random.coin() ? samples : random.of({1, 2, 3});
  const std::int64_t most = rank == 4 ? 36 : 18;
  Sizes shape{samples};
  for (std::int64_t i = 1; i < rank; ++i) shape.push_back(random.coin() ? usual : random.whole(1, 4));
  while (count(shape) > most) *std::max_element(shape.begin() + 1, shape.end()) -= 1;
  return shape;
}

void try_recipe(Draft& draft, Recipe recipe) {
  const onnx::GraphData graph = draft.graph;
  const auto values = draft.values;
  const Names live = draft.live;
  try {
    recipe(draft);
  } catch (const std::runtime_error&) {  // it does not fit here
    draft.graph = graph;
    draft.values = values;
    draft.live = live;
  }
}

void choose_outputs(Draft& draft) {
  Names outputs{draft.live.back()};
  if (draft.random.chance(0.15) && draft.live.size() > 1) outputs.push_back(draft.live[draft.live.size() - 2]);
  draft.graph.outputs.clear();
  for (const std::string& name : outputs) draft.graph.outputs.push_back({name, draft.real, std::nullopt});
}

void print(std::ostream& out, const onnx::Array& array) {
  out << to_string(array.type) << array.tensor.shape() << " [";
  out.precision(17);
  for (Index i = 0; i < array.tensor.size(); ++i) out << (i > 0 ? ", " : "") << array.tensor.at(i);
  out << ']';
}
void print(std::ostream& out, const onnx::Attribute& attribute) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, onnx::Array>) {
          print(out, value);
        } else if constexpr (requires { value.size(); } && !std::is_same_v<T, std::string>) {
          out << '[';
          for (std::size_t i = 0; i < value.size(); ++i) out << (i > 0 ? ", " : "") << value[i];
          out << ']';
        } else {
          out << value;
        }
      },
      attribute);
}

}  // namespace

std::string text_of(const onnx::GraphData& graph) {
  std::ostringstream out;
  out << "opset " << graph.opsets.at("") << '\n';
  for (const onnx::GraphPort& port : graph.inputs) {
    out << "input " << port.name << ' ' << to_string(port.type) << " (";
    for (std::size_t i = 0; i < port.shape->size(); ++i)
      out << (i > 0 ? ", " : "") << ((*port.shape)[i].size ? std::to_string(*(*port.shape)[i].size) : "N");
    out << ")\n";
  }
  for (const auto& [name, array] : graph.initialisers) {
    out << "  " << name << " = ";
    print(out, array);
    out << '\n';
  }
  for (const onnx::GraphNode& node : graph.nodes) {
    out << "  ";
    for (std::size_t i = 0; i < node.outputs.size(); ++i) out << (i > 0 ? ", " : "") << node.outputs[i];
    out << " = " << node.op << '(';
    for (std::size_t i = 0; i < node.inputs.size(); ++i) out << (i > 0 ? ", " : "") << node.inputs[i];
    out << ')';
    for (const auto& [name, attribute] : node.attributes) {
      out << ' ' << name << '=';
      print(out, attribute);
    }
    out << '\n';
  }
  for (const onnx::GraphPort& port : graph.outputs) out << "output " << port.name << '\n';
  return out.str();
}

Draft generate(std::uint64_t seed) {
  Draft draft(seed);
  Random& random = draft.random;
  const std::int64_t samples = random.whole(1, 3);
  const Sizes shape = input_shape(random, samples);
  const bool open = shape.size() > 1 && samples == 2 && random.coin();
  draft.input(shape, open);
  if (random.chance(0.12)) draft.input(random.coin() ? shape : input_shape(random, samples), open && shape.size() > 1);
  // A stack of nodes behind a stack of weights, as in networks, or anything.
  const std::size_t wanted = static_cast<std::size_t>(random.whole(2, 9));
  for (int tries = 0; tries < 60 && draft.graph.nodes.size() < wanted; ++tries) try_recipe(draft, drawn(random));
  if (random.chance(0.4))
    for (std::int64_t k = random.whole(1, 2); k > 0; --k) mutate(draft);
  if (draft.live.size() < 2) try_recipe(draft, [](Draft& d) { d.add("Relu", {d.any()}); });
  choose_outputs(draft);
  return draft;
}

}  // namespace taut::test::generated
