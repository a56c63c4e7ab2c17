// Numbers moved by lists of indices that are constants.
#include <algorithm>
#include <numeric>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

void with_type(Call& call, Var y) { call.out(0, Value{std::move(y), call.value(0).type}); }

Index inside(Call& call, double at, Index n) {
  if (!(at >= static_cast<double>(-n) && at < static_cast<double>(n)))
    call.fail(cat("index ", at, " does not exist among ", n));
  return static_cast<Index>(at < 0 ? at + static_cast<double>(n) : at);
}

// Row-major positions of the slices that lists of indices along the last axis name, the first `batch` axes being those
// of the indices themselves.
struct Slices {
  std::vector<Index> starts;
  Index size = 1;
};
Slices slices(Call& call, const Shape& shape, const Tensor& indices, int batch) {
  const Shape& at = indices.shape();
  const int rank = at.rank();
  const Index depth = rank > 0 ? at[rank - 1] : 0;
  if (rank < batch + 1 || depth < 1 || batch + depth > shape.rank())
    call.fail(cat("indices of shape ", at, " do not fit ", shape));
  const int named = batch + static_cast<int>(depth);
  Slices result{{}, shape.product(named, shape.rank())};
  const Index of_batch = shape.product(0, batch), lists = at.product(0, rank - 1);
  if (at.product(0, batch) != of_batch) call.fail(cat("indices of shape ", at, " do not fit ", shape));
  for (Index k = 0; k < lists; ++k) {
    Index position = of_batch > 0 ? k / std::max<Index>(1, lists / of_batch) : 0;
    for (Index j = 0; j < depth; ++j) {
      const Index n = shape[batch + static_cast<int>(j)];
      position = position * n + inside(call, indices.at(k * depth + j), n);
    }
    result.starts.push_back(position * result.size);
  }
  return result;
}

std::vector<Index> positions(const Slices& slices) {
  std::vector<Index> list;
  for (const Index start : slices.starts)
    for (Index i = 0; i < slices.size; ++i) list.push_back(start + i);
  return list;
}

void gather_nd(Call& call) {
  const Var& x = call.value(0).var;
  const Tensor& indices = call.constant(1, "indices");
  const int batch = static_cast<int>(call.i("batch_dims", 0));
  if (batch < 0 || batch >= indices.shape().rank()) call.fail("its batch_dims do not fit");
  const Slices named = slices(call, x.shape(), indices, batch);
  call.require_moderate(static_cast<double>(named.starts.size()) * static_cast<double>(named.size));
  std::vector<Index> dims(indices.shape().dims().begin(), indices.shape().dims().end() - 1);
  const auto depth = static_cast<std::ptrdiff_t>(indices.shape()[indices.shape().rank() - 1]);
  dims.insert(dims.end(), x.shape().dims().begin() + batch + depth, x.shape().dims().end());
  const Var flat = reshape(x, Shape{x.shape().size()}, call.where());
  with_type(call, reshape(gather(flat, 0, positions(named), call.where()), Shape(dims), call.where()));
}

// The numbers at `list` replaced by the updates, or these added to them.
void scatter(Call& call, const std::vector<Index>& list) {
  const Var &x = call.value(0).var, &updates = call.value(2).var;
  const std::string reduction = call.s("reduction", "none");
  if (reduction != "none" && reduction != "add")
    call.unsupported(cat("the reduction ", reduction.substr(0, 40), "; none and add are supported"));
  if (call.is_float(0) != call.is_float(2)) call.fail("its operands must be of one type");
  if (static_cast<Index>(list.size()) != updates.shape().size()) call.fail("its updates and indices do not fit");
  const Index n = x.shape().size();
  const Var flat = reshape(x, Shape{n}, call.where()),
            news = reshape(updates, Shape{updates.shape().size()}, call.where());
  // Each place takes from the data followed by the updates; what is added, from a 0 followed by them.
  const bool adds = reduction == "add";
  std::vector<std::vector<Index>> rounds;
  std::vector<std::size_t> taken(static_cast<std::size_t>(n), 0);
  for (std::size_t k = 0; k < list.size(); ++k) {
    const std::size_t round = taken[static_cast<std::size_t>(list[k])]++;
    if (round > 0 && !adds) call.unsupported("two updates of one place, of which ONNX does not say which one counts");
    if (round == rounds.size()) {
      rounds.emplace_back(static_cast<std::size_t>(n), 0);
      if (!adds) std::iota(rounds.back().begin(), rounds.back().end(), 0);
    }
    rounds[round][static_cast<std::size_t>(list[k])] = (adds ? 1 : n) + static_cast<Index>(k);
  }
  Var y = flat;
  for (const std::vector<Index>& round : rounds) {
    const Var zero(Tensor::zeros(Shape{1}, x.dtype()));
    const Var moved = gather(concat({adds ? zero : flat, news}, 0, call.where()), 0, round, call.where());
    y = adds ? add(y, moved, call.where()) : moved;
  }
  with_type(call, reshape(y, x.shape(), call.where()));
}

void scatter_elements(Call& call) {
  const Shape& shape = call.value(0).var.shape();
  const Tensor& indices = call.constant(1, "indices");
  const Shape& at = indices.shape();
  if (at.rank() != shape.rank() || at != call.value(2).var.shape()) call.fail("its indices and updates do not fit");
  const int axis = call.axis(call.i("axis", 0), shape.rank());
  std::vector<Index> list;
  for (Index k = 0; k < indices.size(); ++k) {
    Index rest = k, position = 0, stride = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      const Index own = rest % at[i];
      rest /= at[i];
      if (own >= shape[i] && i != axis) call.fail("its indices reach beyond its operand");
      position += (i == axis ? inside(call, indices.at(k), shape[axis]) : own) * stride;
      stride *= shape[i];
    }
    list.push_back(position);
  }
  scatter(call, list);
}

void scatter_nd(Call& call) {
  scatter(call, positions(slices(call, call.value(0).var.shape(), call.constant(1, "indices"), 0)));
}

// values[1] where the index names the place along a new axis, values[0] elsewhere.
void one_hot(Call& call) {
  const Tensor& indices = call.constant(0, "indices");
  const auto depth = static_cast<Index>(call.scalar(1, "depth"));
  const Var& values = call.value(2).var;
  const int rank = indices.shape().rank() + 1;
  if (depth < 1 || values.shape() != Shape{2} || rank > max_rank) call.fail("its depth or values do not fit");
  const int axis = call.axis(call.i("axis", -1), rank);
  const Shape shape = indices.shape().inserted(axis, depth);
  call.require_moderate(static_cast<double>(shape.size()));
  const Index inner = shape.product(axis + 1, rank);
  std::vector<Index> list(static_cast<std::size_t>(shape.size()), 0);
  for (Index k = 0; k < indices.size(); ++k) {
    const double at = indices.at(k) < 0 ? indices.at(k) + static_cast<double>(depth) : indices.at(k);
    if (!(at >= 0.0 && at < static_cast<double>(depth))) continue;
    list[static_cast<std::size_t>((k / inner * depth + static_cast<Index>(at)) * inner + k % inner)] = 1;
  }
  call.out(0, Value{reshape(gather(values, 0, list, call.where()), shape, call.where()), call.value(2).type});
}

constexpr Operator indexed_table[] = {
    {"GatherND", Kind::moves, 11, gather_nd, "gather", "constant indices"},
    {"OneHot", Kind::moves, 9, one_hot, "gather", "constant indices"},
    {"ScatterElements", Kind::computes, 11, scatter_elements, "concat, gather, add", "constant indices"},
    {"ScatterND", Kind::computes, 11, scatter_nd, "concat, gather, add", "constant indices"},
};

}  // namespace

std::span<const Operator> indexed_operators() { return indexed_table; }

}  // namespace taut::nn::onnx
