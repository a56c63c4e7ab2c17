// How linear maps act on tensors.
// Long: a case per structure, each with its transpose beside it.
#include <cblas.h>

#include <algorithm>
#include <mutex>

#include "autodiff/blas.h"
#include "autodiff/error.h"
#include "autodiff/kernels/conv.h"
#include "autodiff/kernels/widen.h"
#include "autodiff/linear_map.h"
#include "autodiff/maps/check.h"

namespace taut {
namespace {

// Entries of an f32 matrix that are widened at a time, where it has more of them: half a MiB of f64.
constexpr Index block_entries = Index{1} << 16;

enum class Direction : bool { forward, transposed };

Direction flipped(Direction direction) {
  return direction == Direction::forward ? Direction::transposed : Direction::forward;
}

// to_i = from_{index[i]}.
void read_at(const std::vector<Index>& index, const double* from, double* to) {
  for (std::size_t i = 0; i < index.size(); ++i) to[i] = index[i] < 0 ? 0.0 : from[index[i]];
}

// to_{index[i]} += from_i, from zeros.
void add_at(const std::vector<Index>& index, const double* from, double* to, Index size) {
  std::fill_n(to, size, 0.0);
  for (std::size_t i = 0; i < index.size(); ++i)
    if (index[i] >= 0) to[index[i]] += from[i];
}

// An image with `padding` periodic copies around it, as the indices of the image's numbers.
std::vector<Index> wrapped(const structure::Convolution& c) {
  const auto [channels, h, w] = c.image;
  const auto& p = c.options.padding;
  const auto around = [](Index i, Index n) { return (i % n + n) % n; };
  std::vector<Index> source;
  source.reserve(static_cast<std::size_t>(channels * (h + p[0] + p[1]) * (w + p[2] + p[3])));
  for (Index k = 0; k < channels; ++k)
    for (Index i = -p[0]; i < h + p[1]; ++i)
      for (Index j = -p[2]; j < w + p[3]; ++j) source.push_back((k * h + around(i, h)) * w + around(j, w));
  return source;
}

void convolve(const kernels::ConvShape& shape, const double* kernel, Direction direction, const double* x, double* y) {
  if (direction == Direction::forward)
    kernels::conv_forward<double>(shape, x, kernel, nullptr, y);
  else
    kernels::conv_input_gradient<double>(shape, x, kernel, nullptr, y);
}

// Circular convolution: the convolution without padding of the periodically extended image.
void convolve_circular(const structure::Convolution& c, const double* kernel, Direction direction, const double* x,
                       double* y) {
  const std::vector<Index> source = wrapped(c);
  const auto& p = c.options.padding;
  const std::array<Index, 3> extended{c.image[0], c.image[1] + p[0] + p[1], c.image[2] + p[2] + p[3]};
  Conv2dOptions options = c.options;
  options.padding = {};
  const kernels::ConvShape shape = kernels::conv_shape(1, extended, c.kernel.shape(), options, "linear map");
  Tensor image = Tensor::uninitialised({static_cast<Index>(source.size())}, DType::f64);
  double* const buffer = image.mutable_data<double>().data();
  if (direction == Direction::forward) {
    read_at(source, x, buffer);
    convolve(shape, kernel, direction, buffer, y);
  } else {
    convolve(shape, kernel, direction, x, buffer);
    add_at(source, buffer, y, c.image[0] * c.image[1] * c.image[2]);
  }
}

// Of `count` vectors, one per row: Y (count, m) = X Wᵀ, or Y (count, n) = X W. `y` is added to where `add` says so.
void multiply(const double* w, Index m, Index n, Direction direction, Index count, const double* x, bool add, double* y,
              Index x_row, Index y_row) {
  const bool transposed = direction == Direction::transposed;
  const Index from = transposed ? m : n, to = transposed ? n : m;
  if (count == 1 && from > 0 && to > 0) {  // BLAS refuses the strides of empty matrices
    if (!add) std::fill_n(y, to, 0.0);     // beta = 0 must not meet a NaN in uninitialised memory
    cblas_dgemv(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, static_cast<blasint>(m), static_cast<blasint>(n),
                1.0, w, static_cast<blasint>(n), x, 1, add ? 1.0 : 0.0, y, 1);
    return;
  }
  kernels::gemm(false, !transposed, count, to, from, 1.0, x, x_row, w, n, add ? 1.0 : 0.0, y, y_row);
}

// The same with f32 weights that are too many to keep a copy of: blocks of rows are widened where the cache holds them.
void multiply_widening(std::span<const float> w, Index m, Index n, Direction direction, Index count, const double* x,
                       double* y) {
  const Index block = std::clamp<Index>(block_entries / n, 1, m);
  Tensor buffer = Tensor::uninitialised({block * n}, DType::f64);
  double* const widened = buffer.mutable_data<double>().data();
  for (Index row = 0; row < m; row += block) {
    const Index rows = std::min(block, m - row);
    kernels::widen(w.data() + row * n, rows * n, widened);
    if (direction == Direction::forward)
      multiply(widened, rows, n, direction, count, x, false, y + row, n, m);
    else
      multiply(widened, rows, n, direction, count, x + row, row > 0, y, m, n);
  }
}

// Y = (I ⊗ W ⊗ I) X: one product when W acts on the last axis, else one per outer index.
void multiply_along(const structure::DenseAlong& s, const double* w, Direction direction, const double* x, double* y) {
  const Index m = s.weight.shape()[0], n = s.weight.shape()[1];
  const bool transposed = direction == Direction::transposed;
  const Index from = transposed ? m : n, to = transposed ? n : m;
  if (s.inner == 1) {
    kernels::gemm(false, !transposed, s.outer, to, from, 1.0, x, from, w, n, 0.0, y, to);
  } else {
    for (Index o = 0; o < s.outer; ++o)
      kernels::gemm(transposed, false, to, s.inner, from, 1.0, w, n, x + o * from * s.inner, s.inner, 0.0,
                    y + o * to * s.inner, s.inner);
  }
}

void multiply_diagonal(const double* d, Index count, Index inner, Index size, const double* x, double* y) {
  if (inner == 1) {  // one vectorisable loop per period
    for (Index i = 0; i < size; i += count)
      for (Index k = 0; k < count; ++k) y[i + k] = d[k] * x[i + k];
    return;
  }
  for (Index i = 0; i < size;)
    for (Index k = 0; k < count; ++k)
      for (const Index end = i + inner; i < end; ++i) y[i] = d[k] * x[i];
}

void add_to(double* sum, const double* term, Index size) {
  for (Index i = 0; i < size; ++i) sum[i] += term[i];
}

const Tensor* weights_of(const Structure& structure) {
  if (const auto* s = std::get_if<structure::Dense>(&structure)) return &s->weight;
  if (const auto* s = std::get_if<structure::DenseAlong>(&structure)) return &s->weight;
  if (const auto* s = std::get_if<structure::Diagonal>(&structure)) return &s->values;
  if (const auto* s = std::get_if<structure::Convolution>(&structure)) return &s->kernel;
  return nullptr;
}

}  // namespace

struct LinearMap::State {
  Shape in, out;
  Structure structure;
  mutable std::once_flag widening;
  mutable Tensor widened;  // the weights as f64, made when they are first needed

  State(const Shape& i, const Shape& o, Structure s) : in(i), out(o), structure(std::move(s)) {}

  const double* weights() const {
    std::call_once(widening, [&] { widened = weights_of(structure)->to(DType::f64); });
    return std::as_const(widened).data<double>().data();
  }

  static const State& of(const LinearMap& map) {
    if (!map)
      throw UsageError(
          "[linear map] an empty map was used; an empty map says that the argument does not vary, test it first");
    return *map.state_;
  }
  static const Shape& source(const LinearMap& map, Direction d) {
    return d == Direction::forward ? of(map).in : of(map).out;
  }
  static const Shape& target(const LinearMap& map, Direction d) { return source(map, flipped(d)); }

  Tensor apply(const Tensor& x, Direction direction) const {
    const Shape& from = direction == Direction::forward ? in : out;
    if (x.shape() != from)
      throw ShapeError(cat("[linear map] the map carries ", in, " to ", out, "; ",
                           direction == Direction::forward ? "apply" : "apply_transpose", " needs shape ", from,
                           ", got ", x.shape(), "; reshape the argument"));
    const Tensor argument = x.to(DType::f64);
    Tensor y = Tensor::uninitialised(direction == Direction::forward ? out : in, DType::f64);
    run(direction, argument.data<double>().data(), y.mutable_data<double>().data());
    return y;
  }

  Tensor apply_each(const Tensor& xs, Direction direction) const {
    const Shape &from = direction == Direction::forward ? in : out, &to = direction == Direction::forward ? out : in;
    if (xs.shape().rank() != 2 || xs.shape()[1] != from.size())
      throw ShapeError(cat("[linear map] the map carries ", in, " to ", out, "; ",
                           direction == Direction::forward ? "apply_each" : "apply_transpose_each",
                           " needs shape (count, ", from.size(), "), got ", xs.shape(),
                           "; flatten the arguments and stack them along a first axis"));
    const Tensor arguments = xs.to(DType::f64);
    const Index count = xs.shape()[0];
    Tensor ys = Tensor::uninitialised({count, to.size()}, DType::f64);
    if (count == 0) return ys;
    const double* const x = arguments.data<double>().data();
    double* const y = ys.mutable_data<double>().data();
    if (const auto* dense = std::get_if<structure::Dense>(&structure)) {
      multiply_dense(*dense, direction, count, x, y);
    } else if (const auto* c = std::get_if<structure::Convolution>(&structure); c && c->boundary == Boundary::zero) {
      const Direction way = c->transposed ? flipped(direction) : direction;
      convolve(kernels::conv_shape(count, c->image, c->kernel.shape(), c->options, "linear map"), weights(), way, x, y);
    } else {
      for (Index k = 0; k < count; ++k) run(direction, x + k * from.size(), y + k * to.size());
    }
    return ys;
  }

  void multiply_dense(const structure::Dense& s, Direction direction, Index count, const double* x, double* y) const {
    const Index m = s.weight.shape()[0], n = s.weight.shape()[1];
    const bool forward = direction == Direction::forward;
    if (s.weight.dtype() == DType::f32 && s.weight.size() > 2 * block_entries)
      return multiply_widening(s.weight.data<float>(), m, n, direction, count, x, y);
    multiply(weights(), m, n, direction, count, x, false, y, forward ? n : m, forward ? m : n);
  }

  void run(Direction direction, const double* x, double* y) const {
    std::visit([&](const auto& s) { run(s, direction, x, y); }, structure);
  }

  void run(const structure::Dense& s, Direction direction, const double* x, double* y) const {
    multiply_dense(s, direction, 1, x, y);
  }
  void run(const structure::DenseAlong& s, Direction direction, const double* x, double* y) const {
    multiply_along(s, weights(), direction, x, y);
  }
  void run(const structure::Scale& s, Direction, const double* x, double* y) const {
    std::transform(x, x + in.size(), y, [c = s.factor](double v) { return c * v; });
  }
  void run(const structure::Diagonal& s, Direction, const double* x, double* y) const {
    multiply_diagonal(weights(), s.values.size(), s.inner, in.size(), x, y);
  }
  void run(const structure::Selection& s, Direction direction, const double* x, double* y) const {
    direction == Direction::forward ? read_at(*s.source, x, y) : add_at(*s.source, x, y, in.size());
  }
  void run(const structure::Gathering& s, Direction direction, const double* x, double* y) const {
    direction == Direction::forward ? add_at(*s.target, x, y, out.size()) : read_at(*s.target, x, y);
  }
  void run(const structure::Convolution& s, Direction direction, const double* x, double* y) const {
    const Direction way = s.transposed ? flipped(direction) : direction;
    if (s.boundary == Boundary::circular) return convolve_circular(s, weights(), way, x, y);
    convolve(kernels::conv_shape(1, s.image, s.kernel.shape(), s.options, "linear map"), weights(), way, x, y);
  }
  void run(const structure::BlockRow& s, Direction direction, const double* x, double* y) const {
    direction == Direction::forward ? add_blocks(s.blocks, direction, x, true, y) : stack(s.blocks, direction, x, y);
  }
  void run(const structure::BlockColumn& s, Direction direction, const double* x, double* y) const {
    direction == Direction::forward ? stack(s.blocks, direction, x, y) : add_blocks(s.blocks, direction, x, true, y);
  }
  void run(const structure::Sum& s, Direction direction, const double* x, double* y) const {
    add_blocks(s.terms, direction, x, false, y);
  }
  void run(const structure::Composition& s, Direction direction, const double* x, double* y) const {
    const std::size_t count = s.factors.size();
    Tensor passed;
    for (std::size_t k = 0; k < count; ++k) {
      const LinearMap& factor = s.factors[direction == Direction::forward ? count - 1 - k : k];
      const double* const from = k == 0 ? x : std::as_const(passed).data<double>().data();
      if (k + 1 == count) return of(factor).run(direction, from, y);
      Tensor next = Tensor::uninitialised(target(factor, direction), DType::f64);
      of(factor).run(direction, from, next.mutable_data<double>().data());
      passed = std::move(next);
    }
  }
  void run(const structure::Opaque& s, Direction direction, const double* x, double* y) const {
    const bool forward = direction == Direction::forward;
    const Shape &from = forward ? in : out, &to = forward ? out : in;
    const Tensor argument = Tensor::from(from, std::span<const double>(x, static_cast<std::size_t>(from.size())));
    const Tensor result = forward ? s.apply(argument) : s.apply_transpose(argument);
    if (result.type() != TensorType{to, DType::f64})
      throw ShapeError(cat("[linear map] the function of an opaque map must return f64 ", to, ", returned ",
                           result.dtype(), ' ', result.shape(), "; correct the function or the shapes of the map"));
    std::ranges::copy(result.data<double>(), y);
  }

  // Results one behind the other.
  static void stack(const std::vector<LinearMap>& blocks, Direction direction, const double* x, double* y) {
    for (const LinearMap& block : blocks) {
      of(block).run(direction, x, y);
      y += target(block, direction).size();
    }
  }
  // Results added up, in order; `advance`: every block has its own part of x.
  static void add_blocks(const std::vector<LinearMap>& blocks, Direction direction, const double* x, bool advance,
                         double* y) {
    const Index size = target(blocks.front(), direction).size();
    Tensor term;
    for (std::size_t k = 0; k < blocks.size(); ++k) {
      if (k == 1) term = Tensor::uninitialised({size}, DType::f64);
      double* const result = k == 0 ? y : term.mutable_data<double>().data();
      of(blocks[k]).run(direction, x, result);
      if (k > 0) add_to(y, result, size);
      if (advance) x += source(blocks[k], direction).size();
    }
  }
};

LinearMap::LinearMap(Shape in, Shape out, Structure structure) {
  detail::check_structure(in, out, structure);
  state_ = std::make_shared<const State>(in, out, std::move(structure));
}

const Shape& LinearMap::in_shape() const { return State::of(*this).in; }
const Shape& LinearMap::out_shape() const { return State::of(*this).out; }
const Structure& LinearMap::structure() const { return State::of(*this).structure; }
Tensor LinearMap::apply(const Tensor& x) const { return State::of(*this).apply(x, Direction::forward); }
Tensor LinearMap::apply_transpose(const Tensor& y) const { return State::of(*this).apply(y, Direction::transposed); }
Tensor LinearMap::apply_each(const Tensor& xs) const { return State::of(*this).apply_each(xs, Direction::forward); }
Tensor LinearMap::apply_transpose_each(const Tensor& ys) const {
  return State::of(*this).apply_each(ys, Direction::transposed);
}

}  // namespace taut
