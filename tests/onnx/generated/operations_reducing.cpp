// Reductions along axes, softmax, sorting, sums along an axis.
#include <algorithm>
#include <numeric>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

using Numbers = std::vector<Dual>;

Dual sum_of(const Numbers& x) {
  Dual y;
  for (const Dual& e : x) y += e;
  return y;
}
Dual mean_of(const Numbers& x) { return sum_of(x) * Dual(1 / static_cast<Real>(x.size())); }
const Dual& largest_of(const Numbers& x) { return *std::ranges::max_element(x, {}, &Dual::value); }
const Dual& smallest_of(const Numbers& x) { return *std::ranges::min_element(x, {}, &Dual::value); }
Dual absolute_sum(const Numbers& x) {
  Dual y;
  for (const Dual& e : x) y += e.value > 0 ? e : -e;
  return y;
}
Dual square_sum(const Numbers& x) {
  Dual y;
  for (const Dual& e : x) add_product(y, e, e);
  return y;
}
Dual product_of(const Numbers& x) {
  Dual y(1);
  for (const Dual& e : x) y = y * e;
  return y;
}
// The derivative of the largest number drops out.
Dual log_sum_exp(const Numbers& x) {
  const Dual most(largest_of(x).value);
  Dual sum;
  for (const Dual& e : x) sum += exp(e - most);
  return most + log(sum);
}

using Reducer = Dual (*)(const Numbers&);
// The axes are an operand since an opset.
Results reduced(const NodeView& n, Reducer f, int operand_since) {
  const int rank = n[0].rank();
  std::optional<Sizes> axes = n.list_or_operand("axes", 1, operand_since);
  if (!axes || axes->empty()) {
    if (n.whole("noop_with_empty_axes", 0) != 0) return {n[0]};
    axes.emplace(static_cast<std::size_t>(rank));
    std::iota(axes->begin(), axes->end(), 0);
  }
  std::vector<int> order, gone;
  Sizes kept, dropped;
  for (const std::int64_t axis : *axes) gone.push_back(n.axis(axis, rank));
  for (int i = 0; i < rank; ++i) {
    const auto times = std::ranges::count(gone, i);
    if (times > 1) n.fail("an axis named twice");
    kept.push_back(times > 0 ? 1 : n[0].dim(i));
    if (times > 0) continue;
    order.push_back(i);
    dropped.push_back(n[0].dim(i));
  }
  std::ranges::sort(gone);
  order.insert(order.end(), gone.begin(), gone.end());
  const Value x = permuted(n[0], order);
  Value y = zeros(n.whole("keepdims", 1) != 0 ? kept : dropped, x.type);
  const std::int64_t length = y.size() > 0 ? x.size() / y.size() : 0;
  if (length == 0) n.fail("a reduction of nothing");
  for (std::int64_t i = 0; i < y.size(); ++i)
    y.at(i) = f(Numbers(x.numbers.begin() + i * length, x.numbers.begin() + (i + 1) * length));
  return {y};
}

Operation reduce(Reducer f, int operand_since = 18) {
  return [=](const NodeView& n) { return reduced(n, f, operand_since); };
}

Numbers softmax_of(const Numbers& x) {
  const Dual log_sum = log_sum_exp(x);
  Numbers y;
  for (const Dual& e : x) y.push_back(exp(e - log_sum));
  return y;
}
Numbers log_softmax_of(const Numbers& x) {
  const Dual log_sum = log_sum_exp(x);
  Numbers y;
  for (const Dual& e : x) y.push_back(e - log_sum);
  return y;
}
// Before opset 13 everything from the axis on counts as one axis.
Operation softmax_like(Numbers (*f)(const Numbers&)) {
  return [f](const NodeView& n) -> Results {
    const bool old = n.opset() < 13;
    const int rank = n[0].rank(), axis = n.axis(n.whole("axis", old ? 1 : -1), rank);
    if (!old) return {along(n[0], axis, f)};
    const Value rows = reshaped(n[0], {product(n[0].shape, 0, axis), product(n[0].shape, axis, rank)});
    return {reshaped(along(rows, 1, f), n[0].shape)};
  };
}

Results cumulative_sum(const NodeView& n) {
  const int axis = n.axis(static_cast<std::int64_t>(n.number(1)), n[0].rank());
  const bool exclusive = n.whole("exclusive", 0) != 0, reverse = n.whole("reverse", 0) != 0;
  return {along(n[0], axis, [&](Numbers x) {
    if (reverse) std::ranges::reverse(x);
    Dual sum;
    for (Dual& e : x) {
      const Dual before = sum;
      sum += e;
      e = exclusive ? before : sum;
    }
    if (reverse) std::ranges::reverse(x);
    return x;
  })};
}
// Its values; positions are left out.
Results top_k(const NodeView& n) {
  const int axis = n.axis(n.whole("axis", -1), n[0].rank());
  const auto k = static_cast<std::int64_t>(n.opset() >= 10 ? n.number(1) : static_cast<Real>(n.whole("k", 0)));
  if (k < 1 || k > n[0].dim(axis)) n.fail("no such k");
  const bool largest = n.whole("largest", 1) != 0;
  return {along(n[0], axis, [&](Numbers x) {
    std::ranges::stable_sort(
        x, [&](const Dual& a, const Dual& b) { return largest ? a.value > b.value : a.value < b.value; });
    x.resize(static_cast<std::size_t>(k));
    return x;
  })};
}
Results trilu(const NodeView& n) {
  if (n[0].rank() < 2) n.fail("matrices are needed");
  const auto k = static_cast<std::int64_t>(n.has(1) ? n.number(1) : 0);
  const bool upper = n.whole("upper", 1) != 0;
  const std::int64_t rows = n[0].dim(n[0].rank() - 2), columns = n[0].dim(n[0].rank() - 1);
  Value y = n[0];
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t off = i % columns - i / columns % rows;
    if (upper ? off < k : off > k) y.at(i) = Dual();
  }
  return {y};
}

}  // namespace

const OperationTable& reducing_operations() {
  static const OperationTable table{
      {"CumSum", cumulative_sum},
      {"LogSoftmax", softmax_like(log_softmax_of)},
      {"ReduceL1", reduce(absolute_sum)},
      {"ReduceL2", reduce([](const Numbers& x) { return sqrt(square_sum(x)); })},
      {"ReduceLogSum", reduce([](const Numbers& x) { return log(sum_of(x)); })},
      {"ReduceLogSumExp", reduce(log_sum_exp)},
      {"ReduceMax", reduce([](const Numbers& x) { return Dual(largest_of(x)); })},
      {"ReduceMean", reduce(mean_of)},
      {"ReduceMin", reduce([](const Numbers& x) { return Dual(smallest_of(x)); })},
      {"ReduceProd", reduce(product_of)},
      {"ReduceSum", reduce(sum_of, 13)},
      {"ReduceSumSquare", reduce(square_sum)},
      {"Softmax", softmax_like(softmax_of)},
      {"TopK", top_k},
      {"Trilu", trilu},
  };
  return table;
}

}  // namespace taut::test::generated
