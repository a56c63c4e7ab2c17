#include <algorithm>
#include <cmath>

#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

using Fold = std::function<Real(const std::vector<Real>&)>;

// The axes of one reduction: a list for the library, whose functions take initializer lists.
struct Over {
  std::string name;
  Shape shape;
  std::vector<Index> axes;  // empty: all
  bool keep = false;
};

const std::vector<Over>& reductions() {
  static const std::vector<Over> list{
      {"all of (2, 3)", {2, 3}, {}, false},
      {"all of (2, 3), kept", {2, 3}, {}, true},
      {"a scalar", {}, {}, false},
      {"axis 1 of (3, 4)", {3, 4}, {1}, false},
      {"axis -2 of (2, 3, 4)", {2, 3, 4}, {-2}, true},
      {"axes 0 and 2 of (2, 3, 4)", {2, 3, 4}, {0, 2}, false},
      {"axes 0 and 2 of (2, 3, 4), kept", {2, 3, 4}, {0, 2}, true},
      {"axis 1 of (2, 40)", {2, 40}, {1}, false},
      {"axis 0 of (40, 2)", {40, 2}, {0}, false},
      {"axis 1 of (0, 3)", {0, 3}, {1}, false},
      {"axes 1 and 6 of rank 8", {1, 2, 1, 2, 1, 1, 3, 1}, {1, 6}, false},
  };
  return list;
}

template <class F>
Var with_axes(F&& f, const std::vector<Index>& axes) {
  return f(Axes(std::span<const Index>(axes)));
}

std::function<Tensor(std::span<const Tensor>)> reference(const Over& over, const Fold& fold) {
  return [over, fold](std::span<const Tensor> in) {
    const int rank = over.shape.rank();
    std::vector<bool> reduced(static_cast<std::size_t>(rank), over.axes.empty());
    for (const Index axis : over.axes) reduced[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] = true;
    std::vector<Index> kept, out;
    for (int i = 0; i < rank; ++i) {
      const bool r = reduced[static_cast<std::size_t>(i)];
      kept.push_back(r ? 1 : over.shape[i]);
      if (!r || over.keep) out.push_back(kept.back());
    }
    const Tensor folded = generate(Shape(std::span<const Index>(kept)), [&](const std::vector<Index>& group) {
      std::vector<Real> members;
      generate(over.shape, [&](const std::vector<Index>& index) {
        bool mine = true;
        for (std::size_t i = 0; i < index.size(); ++i) mine = mine && (reduced[i] || index[i] == group[i]);
        if (mine) members.push_back(at(in[0], index));
        return 0.0;
      });
      return static_cast<double>(fold(members));
    });
    return folded.reshaped(Shape(std::span<const Index>(out)));
  };
}

using Reduce = Var (*)(const Var&, const Axes&, bool, Where);

std::vector<Sample> reducing(Reduce f, const Operand& operand, const Fold& fold) {
  std::vector<Sample> list;
  for (const Over& over : reductions()) {
    Operand o = operand;
    o.shape = over.shape;
    Sample s = one_operand(over.name, o, [f, over](const Var& x) {
      return with_axes([&](const Axes& axes) { return f(x, axes, over.keep, Where::current()); }, over.axes);
    });
    s.reference = reference(over, fold);
    s.reference_scale = 2.0 * static_cast<double>(over.shape.size());
    list.push_back(std::move(s));
  }
  return list;
}

Real sum_of(const std::vector<Real>& values) {
  Real total = 0;
  for (const Real v : values) total += v;
  return total;
}

Real log_sum_exp(const std::vector<Real>& values) {
  Real total = 0;
  for (const Real v : values) total += std::exp(v);
  return std::log(total);
}

// One entry of a pair of tensors, moved: all others at `rest`.
AttainedGain moved_entry(Norm norm, const Shape& shape, double rest, double from, double to) {
  const Tensor x = Tensor::full(shape, DType::f64, rest);
  return {norm, 0, {with(x, 0, from)}, {with(x, 0, to)}};
}

// Softmax and log_softmax along the last axis or another one.
using Along = Var (*)(const Var&, Index, Where);

struct Line {
  Shape shape;
  Index axis;
};
const std::vector<Line>& lines() {
  static const std::vector<Line> list{{{4}, 0},     {{2, 3}, -1}, {{3, 2}, 0}, {{2, 3, 2}, 1},
                                      {{1, 37}, 1}, {{2, 1}, 1},  {{0, 3}, 1}, {{1, 2, 1, 2, 1, 1, 3, 1}, 6}};
  return list;
}

std::vector<Sample> along(Along f, const std::function<Real(const std::vector<Real>&, std::size_t)>& share) {
  std::vector<Sample> list;
  for (const Line& line : lines()) {
    Sample s = one_operand("axis " + std::to_string(line.axis) + " of " + line.shape.str(),
                           {.shape = line.shape, .probes = {-60, 0, 60}},
                           [f, line](const Var& x) { return f(x, line.axis, Where::current()); });
    const auto axis = static_cast<std::size_t>(line.axis < 0 ? line.axis + line.shape.rank() : line.axis);
    s.reference = [line, axis, share](std::span<const Tensor> in) {
      return generate(line.shape, [&](std::vector<Index> index) {
        const auto own = static_cast<std::size_t>(index[axis]);
        std::vector<Real> values;
        for (index[axis] = 0; index[axis] < line.shape[static_cast<int>(axis)]; ++index[axis])
          values.push_back(at(in[0], index));
        return static_cast<double>(share(values, own));
      });
    };
    s.reference_scale = 8.0;
    s.extremes_at_corners = true;
    list.push_back(std::move(s));
  }
  return list;
}

// Entries along the axis of line 0 set to the first of `values`, the rest of them to the last; everything else at 0.
Tensor first_line(const Line& line, const std::vector<double>& values) {
  const auto axis = static_cast<std::size_t>(line.axis < 0 ? line.axis + line.shape.rank() : line.axis);
  return generate(line.shape, [&](const std::vector<Index>& index) {
    for (std::size_t i = 0; i < index.size(); ++i)
      if (i != axis && index[i] != 0) return 0.0;
    return values[std::min(values.size() - 1, static_cast<std::size_t>(index[axis]))];
  });
}

}  // namespace

template <>
std::vector<Sample> samples<Sum>() {
  std::vector<Sample> list = reducing(&sum, {}, sum_of);
  for (const Shape& shape : {Shape{0, 3}, Shape{2, 0}}) {  // a sum of nothing is 0
    Sample s = one_operand("all of " + shape.str(), {.shape = shape}, [](const Var& x) { return sum(x); });
    s.reference = [](std::span<const Tensor>) { return Tensor::scalar(0.0); };
    list.push_back(std::move(s));
  }
  return list;
}

template <>
std::vector<Sample> samples<Max>() {
  std::vector<Sample> list = reducing(&max, {.probes = {-1, 1}, .distinct = true},
                                      [](const std::vector<Real>& v) { return *std::ranges::max_element(v); });
  for (Sample& s : list) s.extremes_at_corners = true;
  return list;
}

template <>
std::vector<Sample> samples<Min>() {
  std::vector<Sample> list = reducing(&min, {.probes = {-1, 1}, .distinct = true},
                                      [](const std::vector<Real>& v) { return *std::ranges::min_element(v); });
  for (Sample& s : list) s.extremes_at_corners = true;
  return list;
}

template <>
std::vector<Sample> samples<LogSumExp>() {
  std::vector<Sample> list = reducing(&logsumexp, {.probes = {-60, 0, 60}}, log_sum_exp);
  for (Sample& s : list) {
    s.extremes_at_corners = true;
    const Shape shape = s.operands[0].shape;
    if (shape.size() == 0) {
      s.rules = false;  // an empty operand attains nothing
      continue;
    }
    // One entry far above all others: the value follows it.
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
      s.attained.push_back(moved_entry(norm, shape, -60, 60, 61));
  }
  return list;
}

template <>
std::vector<Sample> samples<Softmax>() {
  std::vector<Sample> list =
      along(&softmax, [](const std::vector<Real>& v, std::size_t i) { return std::exp(v[i] - log_sum_exp(v)); });
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Line& line = lines()[i];
    list[i].rules = line.shape.size() > 0;
    // At p = (1/2, 1/2, 0, …) along (1, −1, 0, …), J has the gain 1/2 in every norm.
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
      list[i].attained.push_back(
          {norm, 0, {first_line(line, {0.05, -0.05, -90})}, {first_line(line, {-0.05, 0.05, -90})}});
  }
  return list;
}

template <>
std::vector<Sample> samples<LogSoftmax>() {
  std::vector<Sample> list =
      along(&log_softmax, [](const std::vector<Real>& v, std::size_t i) { return v[i] - log_sum_exp(v); });
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Line& line = lines()[i];
    list[i].rules = line.shape.size() > 0;
    const auto n = static_cast<double>(line.shape[line.shape.axis(line.axis, "sample")]);
    // At p = (1, 0, …), J = I − 1 e_1ᵀ: l1 along e_1, l2 along (1, −1/(n−1), …), linf along (1, −1, …).
    const Tensor x = first_line(line, {90, 0});
    const double others = n > 1 ? -1 / (n - 1) : 0;
    list[i].attained = {{Norm::l1, 0, {x}, {first_line(line, {91, 0})}},
                        {Norm::l2, 0, {x}, {first_line(line, {91, others})}},
                        {Norm::linf, 0, {x}, {first_line(line, {91, -1})}}};
    if (n < 3)
      list[i].not_attained = {Norm::l1};  // declared as max(1, n − 1); at n = 2 that is 1 and attained by the pair
    if (n == 2) list[i].not_attained = {};
  }
  return list;
}

}  // namespace taut::harness
