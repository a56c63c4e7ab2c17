// Random nodes that multiply by weights, pool, resize or normalise.
#include <algorithm>

#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

std::int64_t last(Draft& d, const std::string& x) { return d.shape(x).back(); }

void matmul(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const std::int64_t out = d.random.whole(1, 3);
  if (d.random.chance(0.7) || d.rank(x) < 2) {
    Sizes weight{last(d, x), out};
    if (d.rank(x) >= 2 && d.random.chance(0.2)) weight.insert(weight.begin(), d.random.whole(1, 2));
    if (d.random.chance(0.1)) weight = {last(d, x)};
    d.add("MatMul", {x, d.numbers(weight)});
  } else {
    d.add("MatMul", {d.numbers({out, d.shape(x)[d.shape(x).size() - 2]}), x});
  }
}
void gemm(Draft& d) {
  const std::string x = d.any_of_rank(2, 2);
  const bool turned = d.random.chance(0.3), weight_turned = d.random.coin(), weight_first = d.random.chance(0.2);
  const std::int64_t rows = d.shape(x)[turned ? 1 : 0], columns = d.shape(x)[turned ? 0 : 1],
                     out = d.random.whole(1, 3);
  Attributes attributes;
  const std::int64_t inner = weight_first ? rows : columns;
  const bool by_columns = weight_turned != weight_first;
  const std::string weight = d.numbers(by_columns ? Sizes{out, inner} : Sizes{inner, out});
  if (turned) attributes[weight_first ? "transB" : "transA"] = std::int64_t{1};
  if (weight_turned) attributes[weight_first ? "transA" : "transB"] = std::int64_t{1};
  if (d.random.chance(0.3)) attributes["alpha"] = 0.5F;
  if (d.random.chance(0.3)) attributes["beta"] = static_cast<float>(d.random.of({2.0, 0.1, 0.0}));
  Names inputs = weight_first ? Names{weight, x} : Names{x, weight};
  const Sizes y = weight_first ? Sizes{out, columns} : Sizes{rows, out};
  if (d.random.chance(0.6)) {
    Sizes bias = y;
    if (d.random.coin()) bias.erase(bias.begin());
    for (std::int64_t& dim : bias)
      if (d.random.chance(0.2)) dim = 1;
    inputs.push_back(d.numbers(bias));
  } else if (d.random.chance(0.2)) {
    inputs.push_back(d.any());
  }
  d.add("Gemm", inputs, attributes);
}
void einsum(Draft& d) {
  if (d.opset() < 12) throw Invalid("not yet");
  const std::string x = d.any_of_rank(2, 3);
  const std::string in = d.rank(x) == 2 ? "ij" : "ijk", all = in + "m";
  const std::int64_t out = d.random.whole(1, 2);
  const char c = d.random.of(in);
  const std::string term = {c, 'm'};
  std::string y;
  for (const char e : all)
    if (e == 'm' || d.random.chance(0.7)) y += e;
  d.add("Einsum", {x, d.numbers({d.shape(x)[in.find(c)], out})}, {{"equation", in + "," + term + "->" + y}});
}

void give_windows(Draft& d, std::size_t rank, Attributes& attributes, bool with_dilation) {
  if (d.random.coin()) {
    Sizes strides(rank), pads(2 * rank);
    for (std::int64_t& s : strides) s = d.random.whole(1, 2);
    for (std::int64_t& p : pads) p = d.random.chance(0.5) ? 0 : 1;
    attributes["strides"] = strides;
    if (d.random.chance(0.2))
      attributes["auto_pad"] = std::string(d.random.of({"SAME_UPPER", "SAME_LOWER", "VALID"}));
    else
      attributes["pads"] = pads;
  }
  if (with_dilation && d.random.chance(0.3)) attributes["dilations"] = Sizes(rank, d.random.whole(1, 2));
}
void conv(Draft& d) {
  const std::string x = d.any_of_rank(3, 5);
  const std::size_t rank = d.shape(x).size() - 2;
  const std::int64_t channels = d.shape(x)[1];
  const bool transposed = d.random.chance(0.35);
  const std::int64_t groups = channels > 1 && d.random.chance(0.3) ? channels : 1, out = d.random.whole(1, 2);
  Sizes kernel = transposed ? Sizes{channels, out} : Sizes{out * groups, channels / groups};
  for (std::size_t i = 0; i < rank; ++i) kernel.push_back(d.random.whole(1, 3));
  Attributes attributes;
  give_windows(d, rank, attributes, true);
  if (groups != 1) attributes["group"] = groups;
  if (transposed && attributes.contains("strides") && d.random.coin()) attributes["output_padding"] = Sizes(rank, 1);
  Names inputs{x, d.numbers(kernel)};
  if (d.random.coin()) inputs.push_back(d.numbers({transposed ? out * groups : out * groups}));
  d.add(transposed ? "ConvTranspose" : "Conv", inputs, attributes);
}
void pool(Draft& d) {
  const std::string x = d.any_of_rank(3, 5);
  const std::size_t rank = d.shape(x).size() - 2;
  const std::string op = d.random.of({"AveragePool", "MaxPool", "AveragePool", "LpPool"});
  Attributes attributes;
  Sizes window(rank);
  for (std::int64_t& w : window) w = d.random.whole(1, 3);
  attributes["kernel_shape"] = window;
  give_windows(d, rank, attributes, op == "MaxPool" && d.opset() >= 10);
  if (op != "LpPool" && d.opset() >= 10 && d.random.chance(0.3)) attributes["ceil_mode"] = std::int64_t{1};
  if (op == "AveragePool" && d.random.coin()) attributes["count_include_pad"] = std::int64_t{1};
  if (op == "LpPool" && d.random.coin()) attributes["p"] = std::int64_t{1};
  d.add(op, {x}, attributes);
}
void global_pool(Draft& d) {
  d.add(d.random.of({"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}), {d.any_of_rank(3, 5)});
}
void resize(Draft& d) {
  const std::string x = d.any_of_rank(2, 4);
  const std::string mode = d.random.of({"nearest", "linear", "linear", "cubic"});
  Sizes sizes = d.shape(x);
  std::vector<double> scales(sizes.size(), 1.0);
  for (std::size_t i = d.random.chance(0.2) ? 0 : d.rank(x) > 2 ? 2 : 1; i < sizes.size(); ++i) {
    scales[i] = d.random.of({1.0, 2.0, 1.5, 0.7, 1.3});
    sizes[i] = d.random.chance(0.3) ? sizes[i] : d.random.whole(1, 5);
  }
  Attributes attributes{{"mode", mode}};
  if (d.opset() < 11) {
    if (mode == "cubic") throw Invalid("not yet");
    d.add(d.opset() < 10 ? "Upsample" : "Resize", {x, d.numbers({static_cast<std::int64_t>(scales.size())}, scales)},
          attributes);
    return;
  }
  if (d.random.chance(0.7))
    attributes["coordinate_transformation_mode"] =
        std::string(d.random.of({"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"}));
  if (mode == "nearest" && d.random.coin())
    attributes["nearest_mode"] = std::string(d.random.of({"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}));
  if (mode == "cubic" && d.random.coin()) attributes["exclude_outside"] = std::int64_t{1};
  if (mode == "cubic" && d.random.coin()) attributes["cubic_coeff_a"] = -0.5F;
  const bool by_sizes = d.random.coin();
  const std::string empty = by_sizes ? "" : d.numbers({static_cast<std::int64_t>(scales.size())}, scales);
  d.add("Resize", by_sizes ? Names{x, "", "", d.wholes(sizes)} : Names{x, "", empty}, attributes);
}
void batch_norm(Draft& d) {
  const std::string x = d.any_of_rank(2, 4);
  const Sizes channels{d.shape(x)[1]};
  Attributes attributes;
  if (d.random.coin()) attributes["epsilon"] = 1e-3F;
  d.add("BatchNormalization", {x, d.numbers(channels), d.numbers(channels), d.numbers(channels), d.positive(channels)},
        attributes);
}
void layer_norm(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const float eps = static_cast<float>(d.random.of({0.1, 0.01, 1.0}));
  if (d.opset() >= 17 && d.random.chance(0.7)) {
    const int axis = d.any_axis(x);
    const Sizes tail(d.shape(x).begin() + axis, d.shape(x).end());
    Names inputs{x, d.numbers(tail)};
    if (d.random.coin()) inputs.push_back(d.numbers(tail));
    d.add("LayerNormalization", inputs, {{"axis", d.spelled(axis, d.rank(x))}, {"epsilon", eps}});
  } else if (d.rank(x) >= 3) {
    const std::int64_t channels = d.shape(x)[1];
    if (d.opset() < 18 || d.random.coin()) {
      d.add("InstanceNormalization", {x, d.numbers({channels}), d.numbers({channels})}, {{"epsilon", eps}});
      return;
    }
    const std::int64_t groups = channels % 2 == 0 ? 2 : 1, scales = d.opset() >= 21 ? channels : groups;
    d.add("GroupNormalization", {x, d.numbers({scales}), d.numbers({scales})},
          {{"num_groups", groups}, {"epsilon", eps}});
  }
}
void other_norm(Draft& d) {
  if (d.random.coin())
    d.add("LRN", {d.any_of_rank(3, 4)}, {{"size", d.random.whole(1, 3)}, {"alpha", 0.5F}});
  else
    d.add("LpNormalization", {d.any_of_rank(1, 3)}, {{"p", d.random.whole(1, 2)}});
}
// x·xᵀ and its like.
void product_of_two(Draft& d) {
  const std::string x = d.any_of_rank(2, 3);
  Sizes order(d.shape(x).size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  d.add("MatMul", {x, d.add("Transpose", {x}, {{"perm", order}})});
}

}  // namespace

const std::vector<Weighted>& product_recipes() {
  static const std::vector<Weighted> list{
      {8, matmul}, {6, gemm},       {2, einsum},     {10, conv},      {6, pool},           {2, global_pool},
      {6, resize}, {4, batch_norm}, {3, layer_norm}, {1, other_norm}, {1, product_of_two},
  };
  return list;
}

}  // namespace taut::test::generated
