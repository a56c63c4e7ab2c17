// Decompositions that importers recognise, in the spellings of exporters: kinks, exponentials, norms, convex steps.
// Constants are now and then of a shape that enlarges the result, and axes not those that are meant.
#include <algorithm>

#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

std::string commuted(Draft& d, const char* op, const std::string& a, const std::string& b) {
  return d.add(op, d.random.coin() ? Names{a, b} : Names{b, a});
}
// A slope: one number, or as many as there are along some axes.
std::string slope(Draft& d, const std::string& x) {
  if (d.random.chance(0.6)) return d.number(d.random.of({0.01, 0.1, 0.25, -0.5, 1.0, 2.0}), x);
  Sizes shape = d.shape(x);
  shape.erase(shape.begin(), shape.begin() + d.random.whole(0, d.rank(x)));
  for (std::int64_t& dim : shape)
    if (d.random.coin()) dim = 1;
  return d.numbers(shape);
}
// Numbers computed by nodes, which round where they are folded.
std::string computed(Draft& d, const std::string& c) {
  if (d.random.chance(0.75)) return c;
  return d.random.coin() ? d.add("Div", {c, d.number(3.0)}) : d.add("Sqrt", {d.add("Mul", {c, c})});
}

std::string condition(Draft& d, const std::string& x, bool positive) {
  const std::string zero = d.number(0.0, x);
  const bool or_equal = d.opset() >= 12 && d.random.coin(), turned = d.random.coin();
  const std::string op = std::string(positive != turned ? "Greater" : "Less") + (or_equal ? "OrEqual" : "");
  const std::string c = d.add(op, turned ? Names{zero, x} : Names{x, zero});
  return c;
}
void kink_by_where(Draft& d) {
  const std::string x = d.any();
  const bool positive = d.random.coin();
  std::string below;
  switch (d.random.whole(0, 2)) {
    case 0:
      below = d.number(0.0, x);
      break;
    case 1:
      below = commuted(d, "Mul", x, computed(d, slope(d, x)));
      break;
    default: {
      const std::string power = d.add("Exp", {x});
      below = d.random.coin() ? d.add("Sub", {power, d.number(1.0, x)}) : d.add("Add", {power, d.number(-1.0, x)});
      if (d.random.coin()) below = commuted(d, "Mul", below, computed(d, d.number(d.random.of({1.0, 0.5, 2.0}), x)));
    }
  }
  std::string c = condition(d, x, positive);
  const bool negated = d.random.chance(0.2);
  if (negated) c = d.add("Not", {c});
  d.add("Where", positive != negated ? Names{c, x, below} : Names{c, below, x});
}
void kink_by_max(Draft& d) {
  const std::string x = d.any();
  if (d.random.chance(0.4))
    commuted(d, d.random.chance(0.9) ? "Max" : "Min", x, d.number(0.0, x, 0.2));
  else
    commuted(d, "Max", x, commuted(d, "Mul", x, computed(d, slope(d, x))));
}
void kink_by_sum(Draft& d) {
  const std::string x = d.any(), positive = d.add("Relu", {x});
  if (d.random.coin()) {
    const std::string low = commuted(d, "Min", x, d.number(0.0, x));
    commuted(d, "Add", positive, commuted(d, "Mul", low, computed(d, slope(d, x))));
  } else {
    const std::string low = d.add("Relu", {d.add("Neg", {x})});
    d.add("Sub", {positive, commuted(d, "Mul", low, computed(d, slope(d, x)))});
  }
}

void logistic(Draft& d) {
  const std::string x = d.any();
  const std::string below = commuted(d, "Add", d.add("Exp", {d.add("Neg", {x})}), d.number(1.0, x));
  if (d.random.coin())
    d.add("Reciprocal", {below});
  else
    d.add("Div", {d.number(1.0, x), below});
}
void soft_plus(Draft& d) {
  const std::string x = d.any();
  d.add("Log", {commuted(d, "Add", d.add("Exp", {x}), d.number(1.0, x))});
}
void soft_sign(Draft& d) {
  const std::string x = d.any();
  d.add("Div", {x, commuted(d, "Add", d.add("Abs", {x}), d.number(1.0, x))});
}
std::string reduced(Draft& d, const char* op, const std::string& x, const Sizes& axes, bool keep) {
  Names inputs{x};
  Attributes attributes{{"keepdims", std::int64_t{keep}}};
  d.give_axes(axes, std::string(op) == "ReduceSum" ? 13 : 18, inputs, attributes);
  return d.add(op, inputs, attributes);
}
Sizes some_axes(Draft& d, const std::string& x) {
  Sizes axes;
  for (int i = 0; i < d.rank(x); ++i)
    if (d.random.chance(i == 0 ? 0.15 : 0.5)) axes.push_back(i);
  if (axes.empty()) axes.push_back(d.any_axis(x));
  if (d.random.chance(0.3))
    for (std::int64_t& axis : axes) axis -= d.rank(x);
  return axes;
}
void soft_max(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const Sizes axes{d.spelled(d.any_axis(x), d.rank(x))};
  std::string power = x;
  if (d.random.coin()) {
    const bool keep = d.random.chance(0.85);
    power = d.add("Sub", {x, reduced(d, "ReduceMax", x, d.random.chance(0.9) ? axes : Sizes{d.any_axis(x)}, keep)});
  }
  power = d.add("Exp", {power});
  const std::string y = d.add("Div", {power, reduced(d, "ReduceSum", power, axes, d.random.chance(0.9))});
  if (d.random.chance(0.3)) d.add("Log", {y});
}
void log_sum_exp(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  d.add("Log", {reduced(d, "ReduceSum", d.add("Exp", {x}), some_axes(d, x), d.random.coin())});
}

std::string squared(Draft& d, const std::string& x) {
  return d.random.coin() ? d.add("Mul", {x, x}) : d.add("Pow", {x, d.number(2.0, x)});
}
std::string root(Draft& d, const std::string& x) {
  return d.random.coin() ? d.add("Sqrt", {x}) : d.add("Pow", {x, d.number(0.5)});
}
void divide(Draft& d, const std::string& a, const std::string& b) {
  if (d.random.chance(0.7))
    d.add("Div", {a, b});
  else
    commuted(d, "Mul", a, d.add("Reciprocal", {b}));
}
double epsilon(Draft& d) { return d.random.of({1.0, 0.1, 0.01, 1e-3}); }

void layer_norm(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const Sizes axes = some_axes(d, x);
  const std::string centre = d.add("Sub", {x, reduced(d, "ReduceMean", x, axes, d.random.chance(0.95))});
  const std::string variance =
      reduced(d, "ReduceMean", squared(d, centre), d.random.chance(0.9) ? axes : some_axes(d, x), d.random.chance(0.9));
  divide(d, centre, root(d, commuted(d, "Add", variance, computed(d, d.number(epsilon(d), variance)))));
}
void smooth_normalise(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const char* const op = d.random.chance(0.8) ? "ReduceSum" : "ReduceMean";
  const std::string sum = reduced(d, op, squared(d, x), some_axes(d, x), d.random.chance(0.9));
  const std::string length = root(d, commuted(d, "Add", sum, computed(d, d.number(epsilon(d), sum))));
  if (d.random.chance(0.85)) divide(d, x, length);
}
void l2_normalise(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const Sizes axes = some_axes(d, x);
  const bool keep = d.random.chance(0.9);
  std::string norm = d.random.coin() ? reduced(d, "ReduceL2", x, axes, keep)
                                     : root(d, reduced(d, "ReduceSum", squared(d, x), axes, keep));
  const double eps = epsilon(d);
  if (d.random.coin())
    norm = commuted(d, "Max", norm, computed(d, d.number(eps, norm)));
  else if (d.opset() < 11)
    norm = d.add("Clip", {norm}, {{"min", static_cast<float>(eps)}});
  else
    norm = d.add("Clip", {norm, d.numbers({}, {eps})});
  if (d.random.coin()) norm = d.add("Expand", {norm, d.add("Shape", {x})});
  divide(d, x, norm);
}

std::string transposed(Draft& d, const std::string& x) {
  Sizes order(d.shape(x).size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return d.add("Transpose", {x}, {{"perm", order}});
}
// softmax(s (2 u uᵀ − ‖u_j‖²)) u
void distance_attention(Draft& d) {
  const std::string u = d.any_of_rank(2, 3), columns = transposed(d, u);
  const std::string products = commuted(d, "Mul", d.add("MatMul", {u, columns}), d.number(2.0, u));
  const std::string sums = reduced(d, "ReduceSum", d.add("Mul", {columns, columns}), {-2}, d.random.chance(0.95));
  const std::string near = d.add("Sub", {products, sums});
  const std::string logits = commuted(d, "Mul", near, d.number(d.random.of({0.5, 1.0, 0.3}), near));
  Attributes attributes;
  if (d.random.chance(0.8)) attributes["axis"] = std::int64_t{-1};
  d.add("MatMul", {d.add("Softmax", {logits}, attributes), u});
}
// x − Aᵀ relu(A x + b)
void convex_step(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const std::int64_t n = d.shape(x).back(), m = d.random.whole(1, 3);
  std::vector<double> a(static_cast<std::size_t>(n * m)), turned(a.size());
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      const double w = d.plain_number();
      a[static_cast<std::size_t>(i * n + j)] = turned[static_cast<std::size_t>(j * m + i)] = w;
    }
  std::string hidden = d.add("MatMul", {x, d.numbers({n, m}, turned)});
  if (d.random.coin()) hidden = d.add("Add", {hidden, d.numbers({m})});
  d.add("Sub", {x, d.add("MatMul", {d.add("Relu", {hidden}), d.numbers({m, n}, a)})});
}
void convex_convolution(Draft& d) {
  const std::string x = d.any_of_rank(4, 4);
  const std::int64_t channels = d.shape(x)[1], out = d.random.whole(1, 2), size = d.random.of({1, 3});
  const std::string kernel = d.numbers({out, channels, size, size});
  const Attributes attributes{{"strides", Sizes{1, 1}},
                              {"pads", Sizes(4, size / 2)},
                              {"dilations", Sizes{1, 1}},
                              {"kernel_shape", Sizes{size, size}},
                              {"group", std::int64_t{1}}};
  Names inputs{x, kernel};
  if (d.random.coin()) inputs.push_back(d.numbers({out}));
  const std::string hidden = d.add("Relu", {d.add("Conv", inputs, attributes)});
  d.add("Sub", {x, d.add("ConvTranspose", {hidden, kernel}, attributes)});
}

}  // namespace

const std::vector<Weighted>& pattern_recipes() {
  static const std::vector<Weighted> list{
      {6, kink_by_where}, {5, kink_by_max},        {4, kink_by_sum}, {2, logistic},           {2, soft_plus},
      {2, soft_sign},     {4, soft_max},           {2, log_sum_exp}, {4, layer_norm},         {4, smooth_normalise},
      {4, l2_normalise},  {2, distance_attention}, {2, convex_step}, {2, convex_convolution},
  };
  return list;
}

}  // namespace taut::test::generated
