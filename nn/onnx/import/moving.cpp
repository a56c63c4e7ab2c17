// Operators that move numbers. Each works on floating-point numbers and on whole numbers alike.
// Long: an operator per function and a row per operator.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

void same_type(Call& call, int k, Var y) { call.out(k, Value{std::move(y), call.value(0).type}); }
void same_type(Call& call, Var y) { same_type(call, 0, std::move(y)); }
const Var& data(Call& call) { return call.value(0).var; }

Shape checked_shape(Call& call, const std::vector<Index>& dims) {
  if (dims.size() > static_cast<std::size_t>(max_rank))
    call.unsupported(cat("a shape of ", dims.size(), " dimensions; at most ", max_rank, " are supported"));
  double count = 1.0;
  for (const Index dim : dims) {
    if (dim < 0) call.fail(cat("a dimension of ", dim));
    count *= static_cast<double>(dim);
  }
  call.require_moderate(count);
  return Shape(dims);
}

void reshape_operator(Call& call) {
  const Var& x = data(call);
  std::optional<std::vector<Index>> wanted = call.opset() >= 5 ? call.whole_numbers(1, "shape") : call.is("shape");
  if (!wanted) call.fail("its shape is missing");
  const bool zero_is_zero = call.i("allowzero", 0) != 0;
  Index known = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    Index& dim = (*wanted)[i];
    if (dim == 0 && !zero_is_zero) {
      if (static_cast<int>(i) >= x.shape().rank()) call.fail(cat("its shape copies dimension ", i, " of ", x.shape()));
      dim = x.shape()[static_cast<int>(i)];
    }
    if (dim == -1) {
      if (open) call.fail("its shape leaves two dimensions open");
      open = i;
    } else {
      if (dim < 0) call.fail(cat("its shape has a dimension of ", dim));
      if (dim != 0 && known > (Index{1} << 62) / dim) call.fail("its shape is too large");
      known *= dim;
    }
  }
  if (open) {
    if (known == 0 || x.shape().size() % known != 0)
      call.fail(cat("its shape does not fit the ", x.shape().size(), " numbers of ", x.shape()));
    (*wanted)[*open] = x.shape().size() / known;
  }
  same_type(call, reshape(x, checked_shape(call, *wanted), call.where()));
}

void flatten_operator(Call& call) {
  const Var& x = data(call);
  const int rank = x.shape().rank();
  const Index given = call.i("axis", 1);
  const int axis = given == rank ? rank : rank == 0 ? 0 : call.axis(given, rank);
  same_type(call, reshape(x, Shape{x.shape().product(0, axis), x.shape().product(axis, rank)}, call.where()));
}

void squeeze(Call& call) {
  const Var& x = data(call);
  const auto axes = call.opset() >= 13 ? call.is_or_operand("axes", 1) : call.is("axes");
  std::array<bool, max_rank> gone{};
  if (axes) {
    for (const Index given : *axes) {
      const int axis = call.axis(given, x.shape().rank());
      if (x.shape()[axis] != 1) call.fail(cat("axis ", axis, " of ", x.shape(), " is not 1"));
      gone[static_cast<std::size_t>(axis)] = true;
    }
  } else {
    for (int i = 0; i < x.shape().rank(); ++i) gone[static_cast<std::size_t>(i)] = x.shape()[i] == 1;
  }
  std::vector<Index> dims;
  for (int i = 0; i < x.shape().rank(); ++i)
    if (!gone[static_cast<std::size_t>(i)]) dims.push_back(x.shape()[i]);
  same_type(call, reshape(x, Shape(dims), call.where()));
}

void unsqueeze(Call& call) {
  const Var& x = data(call);
  const auto axes = call.opset() >= 13 ? call.is_or_operand("axes", 1) : call.is("axes");
  if (!axes) call.fail("its axes are missing");
  const int rank = x.shape().rank() + static_cast<int>(axes->size());
  if (rank > max_rank) call.unsupported(cat("more than ", max_rank, " dimensions"));
  std::vector<Index> dims(static_cast<std::size_t>(rank), -1);
  for (const Index axis : *axes) {
    Index& dim = dims[static_cast<std::size_t>(call.axis(axis, rank))];
    if (dim == 1) call.fail("an axis is named twice");
    dim = 1;
  }
  int next = 0;
  for (Index& dim : dims)
    if (dim < 0) dim = x.shape()[next++];
  same_type(call, reshape(x, Shape(dims), call.where()));
}

void transpose_operator(Call& call) {
  const Var& x = data(call);
  std::vector<int> order;
  if (const auto perm = call.is("perm")) {
    for (const Index axis : *perm) order.push_back(call.axis(axis, x.shape().rank()));
  } else {
    for (int i = x.shape().rank() - 1; i >= 0; --i) order.push_back(i);
  }
  same_type(call, permute(x, order, call.where()));
}

void concat_operator(Call& call) {
  if (call.count() == 0) call.fail("it needs an operand");
  std::vector<Var> parts;
  double count = 0.0;
  for (int i = 0; i < call.count(); ++i) {
    if (call.is_float(i) != call.is_float(0)) call.fail("its operands must be of one type");
    // Empty parts, such as old exporters make, have any rank.
    if (call.value(i).var.shape().size() > 0) parts.push_back(call.value(i).var);
    count += static_cast<double>(call.value(i).var.shape().size());
  }
  call.require_moderate(count);
  if (parts.empty()) return same_type(call, data(call));
  const int axis = call.axis(call.i("axis", 1), parts.front().shape().rank());
  same_type(call, parts.size() == 1 ? parts.front() : concat(parts, axis, call.where()));
}

void split_operator(Call& call) {
  const Var& x = data(call);
  const int axis = call.axis(call.i("axis", 0), x.shape().rank());
  const Index n = x.shape()[axis];
  if (call.opset() >= 13 && call.has("split"))
    call.fail("its parts are an attribute, which they are before opset 13 only; since then they are an operand");
  std::optional<std::vector<Index>> sizes =
      call.opset() >= 13 || call.count() > 1
          ? (call.has(1) ? std::optional(call.whole_numbers(1, "split")) : std::nullopt)
          : call.is("split");
  if (!sizes) {
    const Index parts = call.i("num_outputs", call.output_count());
    if (parts < 1) call.fail("it has no outputs");
    const Index each = (n + parts - 1) / parts;
    sizes.emplace(static_cast<std::size_t>(parts), each);
    sizes->back() = n - each * (parts - 1);
  }
  if (std::ranges::any_of(*sizes, [](Index s) { return s < 0; }) ||
      std::accumulate(sizes->begin(), sizes->end(), Index{0}) != n)
    call.fail(cat("its parts do not add up to the ", n, " numbers along axis ", axis));
  if (sizes->size() != static_cast<std::size_t>(call.output_count()))
    call.fail(cat("it has ", call.output_count(), " outputs for ", sizes->size(), " parts"));
  Index from = 0;
  for (int k = 0; k < call.output_count(); ++k) {
    const Index size = (*sizes)[static_cast<std::size_t>(k)];
    same_type(call, k, slice(x, axis, from, from + size, 1, call.where()));
    from += size;
  }
}

void slice_operator(Call& call) {
  Var x = data(call);
  const bool operands = call.opset() >= 10;
  const auto starts = operands ? call.whole_numbers(1, "starts") : call.is("starts");
  const auto ends = operands ? call.whole_numbers(2, "ends") : call.is("ends");
  if (!starts || !ends || starts->size() != ends->size()) call.fail("its starts and ends must be lists of one length");
  std::optional<std::vector<Index>> axes =
      operands ? (call.has(3) ? std::optional(call.whole_numbers(3, "axes")) : std::nullopt) : call.is("axes");
  std::vector<Index> steps =
      operands && call.has(4) ? call.whole_numbers(4, "steps") : std::vector<Index>(starts->size(), 1);
  if (!axes) {
    axes.emplace(starts->size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (axes->size() != starts->size() || steps.size() != starts->size())
    call.fail("its starts, ends, axes and steps must be lists of one length");
  for (std::size_t k = 0; k < starts->size(); ++k) {
    const int axis = call.axis((*axes)[k], x.shape().rank());
    const Index n = x.shape()[axis], step = steps[k];
    if (step == 0) call.fail("a step is 0");
    const auto inside = [&](Index at, Index lo, Index hi) { return std::clamp(at < 0 ? at + n : at, lo, hi); };
    const Index from = step > 0 ? inside((*starts)[k], 0, n) : inside((*starts)[k], 0, n - 1);
    const Index to = step > 0 ? inside((*ends)[k], 0, n) : inside((*ends)[k], -1, n - 1);
    if (from == 0 && to == n && step == 1) continue;
    // A step beyond the length takes one number.
    x = slice(x, axis, from, step > 0 ? std::max(from, to) : std::min(from, to), std::clamp(step, -n - 1, n + 1),
              call.where());
  }
  same_type(call, x);
}

std::vector<Index> positions(Call& call, int operand, Index n) {
  std::vector<Index> list;
  const Tensor& indices = call.constant(operand, "indices");
  for (Index i = 0; i < indices.size(); ++i) {
    const double at = indices.at(i);
    if (!(at >= static_cast<double>(-n) && at < static_cast<double>(n)))
      call.fail(cat("index ", at, " does not exist among ", n));
    list.push_back(static_cast<Index>(at < 0 ? at + static_cast<double>(n) : at));
  }
  return list;
}

void gather_operator(Call& call) {
  const Var& x = data(call);
  const int axis = call.axis(call.i("axis", 0), x.shape().rank());
  const Shape& at = call.value(1).var.shape();
  std::vector<Index> dims(x.shape().dims().begin(), x.shape().dims().begin() + axis);
  dims.insert(dims.end(), at.dims().begin(), at.dims().end());
  dims.insert(dims.end(), x.shape().dims().begin() + axis + 1, x.shape().dims().end());
  const Shape shape = checked_shape(call, dims);
  const std::vector<Index> list = positions(call, 1, x.shape()[axis]);
  same_type(call, reshape(gather(x, axis, list, call.where()), shape, call.where()));
}

// y[i, j] = x[i, indices[i, j]] along the last axis of two, and so for any axis.
void gather_elements(Call& call) {
  const Var& x = data(call);
  const Shape &from = x.shape(), &to = call.value(1).var.shape();
  if (from.rank() != to.rank()) call.fail("its operands must have as many axes");
  const int axis = call.axis(call.i("axis", 0), from.rank());
  std::vector<Index> list = positions(call, 1, from[axis]);
  for (std::size_t k = 0; k < list.size(); ++k) {
    Index rest = static_cast<Index>(k), at = 0, stride = 1;
    for (int i = to.rank() - 1; i >= 0; --i) {
      const Index position = rest % to[i];
      rest /= to[i];
      if (i != axis && position >= from[i]) call.fail("its indices are longer than its data");
      at += (i == axis ? list[k] : position) * stride;
      stride *= from[i];
    }
    list[k] = at;
  }
  const Var flat = reshape(x, Shape{from.size()}, call.where());
  same_type(call, reshape(gather(flat, 0, list, call.where()), to, call.where()));
}

void tile_operator(Call& call) {
  const Var& x = data(call);
  std::vector<Index> repeats(static_cast<std::size_t>(x.shape().rank()), 1);
  if (call.opset() >= 6) {
    repeats = call.whole_numbers(1, "repeats");
  } else {
    const int axis = call.axis(static_cast<Index>(call.scalar(2, "axis")), x.shape().rank());
    repeats[static_cast<std::size_t>(axis)] = static_cast<Index>(call.scalar(1, "tiles"));
  }
  double count = static_cast<double>(x.shape().size());
  for (const Index r : repeats) {
    if (r < 0) call.fail(cat("repeats of ", r));
    count *= static_cast<double>(r);
  }
  call.require_moderate(count);
  same_type(call, tile(x, repeats, call.where()));
}

void expand(Call& call) {
  const Var& x = data(call);
  const std::vector<Index> dims = call.whole_numbers(1, "shape");
  const Shape shape = broadcast_shapes(x.shape(), checked_shape(call, dims), "Expand");
  call.require_moderate(static_cast<double>(shape.size()));
  same_type(call, shape == x.shape() ? x : broadcast_to(x, shape, call.where()));
}

void pad_operator(Call& call) {
  Var x = data(call);
  const int rank = x.shape().rank();
  const bool operands = call.opset() >= 11;
  auto pads = operands ? call.whole_numbers(1, "pads") : call.is(call.has("pads") ? "pads" : "paddings");
  if (!pads) call.fail("its pads are missing");
  double value = call.f("value", 0.0);
  if (operands) value = call.has(2) ? call.scalar(2, "constant_value") : 0.0;
  std::vector<Index> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (operands && call.has(3)) axes = call.whole_numbers(3, "axes");
  if (pads->size() != 2 * axes.size())
    call.fail(cat("it has ", pads->size(), " pads for ", axes.size(), " axes; two per axis are needed"));
  const std::string mode = call.s("mode", "constant");
  double count = 1.0;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const int axis = call.axis(axes[k], rank);
    count *= std::max(1.0, static_cast<double>(x.shape()[axis]) + static_cast<double>((*pads)[k]) +
                               static_cast<double>((*pads)[k + axes.size()]));
  }
  call.require_moderate(count);
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const int axis = call.axis(axes[k], rank);
    const Index before = (*pads)[k], after = (*pads)[k + axes.size()], n = x.shape()[axis];
    // Negative pads cut off.
    if (before < 0 || after < 0) {
      const Index from = std::min(n, std::max<Index>(0, -before)), to = n - std::min(n, std::max<Index>(0, -after));
      x = slice(x, axis, from, std::max(from, to), 1, call.where());
    }
    const Index front = std::max<Index>(0, before), back = std::max<Index>(0, after);
    if (front == 0 && back == 0) continue;
    if (mode == "constant")
      x = pad(x, axis, front, back, value, call.where());
    else if (mode == "edge")
      x = pad(x, axis, front, back, PadMode::edge, call.where());
    else if (mode == "reflect")
      x = pad(x, axis, front, back, PadMode::reflect, call.where());
    else if (mode == "wrap")
      x = pad(x, axis, front, back, PadMode::circular, call.where());
    else
      call.fail(cat("mode must be constant, edge, reflect or wrap, got '", mode.substr(0, 40), "'"));
  }
  same_type(call, x);
}

void depth_to_space(Call& call) {
  const Var& x = data(call);
  const Index b = call.i("blocksize", 0);
  const Shape& s = x.shape();
  if (s.rank() != 4 || b < 1 || s[1] % (b * b) != 0) call.fail(cat("blocksize ", b, " does not fit the shape ", s));
  const Index c = s[1] / (b * b);
  const std::string mode = call.s("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") call.fail(cat("its mode must be DCR or CRD, got '", mode.substr(0, 40), "'"));
  const bool dcr = mode == "DCR";
  const Var blocks =
      reshape(x, dcr ? Shape{s[0], b, b, c, s[2], s[3]} : Shape{s[0], c, b, b, s[2], s[3]}, call.where());
  const Var moved =
      dcr ? permute(blocks, {0, 3, 4, 1, 5, 2}, call.where()) : permute(blocks, {0, 1, 4, 2, 5, 3}, call.where());
  same_type(call, reshape(moved, Shape{s[0], c, s[2] * b, s[3] * b}, call.where()));
}
void space_to_depth(Call& call) {
  const Var& x = data(call);
  const Index b = call.i("blocksize", 0);
  const Shape& s = x.shape();
  if (s.rank() != 4 || b < 1 || s[2] % b != 0 || s[3] % b != 0)
    call.fail(cat("blocksize ", b, " does not fit the shape ", s));
  const Var blocks = reshape(x, Shape{s[0], s[1], s[2] / b, b, s[3] / b, b}, call.where());
  same_type(call, reshape(permute(blocks, {0, 3, 5, 1, 2, 4}, call.where()),
                          Shape{s[0], s[1] * b * b, s[2] / b, s[3] / b}, call.where()));
}

void trilu(Call& call) {
  const Var& x = data(call);
  const int rank = x.shape().rank();
  if (rank < 2) call.fail("it needs matrices");
  const double k = call.has(1) ? call.scalar(1, "k") : 0.0;
  const bool upper = call.i("upper", 1) != 0;
  const Index rows = x.shape()[rank - 2], columns = x.shape()[rank - 1];
  Tensor kept = Tensor::zeros(Shape{rows, columns}, DType::f64);
  double* to = kept.mutable_data<double>().data();
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const auto off = static_cast<double>(j - i);
      to[i * columns + j] = (upper ? off >= k : off <= k) ? 1.0 : 0.0;
    }
  same_type(call, where(kept.to(x.dtype()), x, Var(Tensor::zeros(x.shape(), x.dtype())), call.where()));
}

void top_k_operator(Call& call) {
  const Var& x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.shape().rank());
  const Index n = x.shape()[axis];
  const double given = call.opset() >= 10 ? call.scalar(1, "k") : static_cast<double>(call.i("k", 0));
  if (!(given >= 0 && given <= static_cast<double>(n))) call.fail(cat("k is ", given, " of ", n));
  const auto k = static_cast<Index>(given);
  const bool largest = call.i("largest", 1) != 0;
  call.out(0, largest ? top_k(x, k, axis, call.where())
                      : slice(sort(x, axis, false, call.where()), axis, 0, k, 1, call.where()));
  if (!call.wants(1)) return;
  if (!call.varies(0)) call.constant(0, "operand");  // an order of rounded numbers decides nothing
  const Index inner = x.shape().product(axis + 1, x.shape().rank());
  Tensor order = Tensor::uninitialised(x.shape().with(axis, k), DType::f64);
  double* to = order.mutable_data<double>().data();
  std::vector<Index> list(static_cast<std::size_t>(n));
  for (Index row = 0; row < x.shape().size() / std::max<Index>(1, n); ++row) {
    const Index outer = row / inner, column = row % inner;
    const auto at = [&](Index i) { return x.value().at((outer * n + i) * inner + column); };
    std::iota(list.begin(), list.end(), 0);
    std::ranges::stable_sort(list, [&](Index a, Index b) { return largest ? at(a) > at(b) : at(a) < at(b); });
    for (Index i = 0; i < k; ++i)
      to[(outer * k + i) * inner + column] = static_cast<double>(list[static_cast<std::size_t>(i)]);
  }
  call.whole(1, order, ElementType::i64);
}

constexpr Operator moving_table[] = {
    {"Concat", Kind::moves, 1, concat_operator, "concat"},
    {"DepthToSpace", Kind::moves, 1, depth_to_space, "reshape, permute"},
    {"Expand", Kind::moves, 8, expand, "broadcast_to", "", 1},
    {"Flatten", Kind::moves, 1, flatten_operator, "reshape"},
    {"Gather", Kind::moves, 1, gather_operator, "gather", "constant indices"},
    {"GatherElements", Kind::moves, 11, gather_elements, "gather", "constant indices"},
    {"Pad", Kind::moves, 1, pad_operator, "pad, slice", "constant pads"},
    {"Reshape", Kind::moves, 1, reshape_operator, "reshape", "", 1},
    {"Slice", Kind::moves, 1, slice_operator, "slice", "constant bounds"},
    {"SpaceToDepth", Kind::moves, 1, space_to_depth, "reshape, permute"},
    {"Split", Kind::moves, 1, split_operator, "slice"},
    {"Squeeze", Kind::moves, 1, squeeze, "reshape"},
    {"Tile", Kind::moves, 1, tile_operator, "tile"},
    {"TopK", Kind::moves, 1, top_k_operator, "top_k, sort", "nothing may use its indices"},
    {"Transpose", Kind::moves, 1, transpose_operator, "permute"},
    {"Trilu", Kind::moves, 14, trilu, "where"},
    {"Unsqueeze", Kind::moves, 1, unsqueeze, "reshape"},
};

}  // namespace

std::span<const Operator> moving_operators() { return moving_table; }

}  // namespace taut::nn::onnx
