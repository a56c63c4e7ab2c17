// matmul and dense: products of matrices.
// Long: both and their gradients share how operands are read as matrices.
#include "autodiff/blas.h"
#include "autodiff/kernels/strided.h"
#include "autodiff/primitives/select.h"

namespace taut {
namespace {

// Sizes of a product of matrices, possibly read transposed, batch by batch.
struct Sizes {
  Index batch, m, k, n;
};

Index rows(const Shape& s, bool transposed) { return s[s.rank() - (transposed ? 1 : 2)]; }
Index columns(const Shape& s, bool transposed) { return s[s.rank() - (transposed ? 2 : 1)]; }

Sizes sizes_of(const Shape& a, const Shape& b, bool ta, bool tb) {
  const bool ranks = a.rank() >= 2 && a.rank() == b.rank();
  bool fits = ranks && columns(a, ta) == rows(b, tb);
  for (int i = 0; fits && i < a.rank() - 2; ++i) fits = a[i] == b[i];
  if (!fits)
    throw ShapeError(cat("[matmul] (…, m, k) · (…, k, n) with batch dimensions that broadcast is required, got ", a,
                         ta ? " transposed" : "", " and ", b, tb ? " transposed" : "",
                         "; reshape or transpose one operand"));
  return {a.product(0, a.rank() - 2), rows(a, ta), columns(a, ta), columns(b, tb)};
}

bool broadcasts(const Shape& a, const Shape& b) {
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    const Index p = a[a.rank() - i], q = b[b.rank() - i];
    if (p != q && p != 1 && q != 1) return false;
  }
  return true;
}

Tensor multiply(const Tensor& a, const Tensor& b, bool ta, bool tb, const Shape& out) {
  const Sizes s = sizes_of(a.shape(), b.shape(), ta, tb);
  Tensor y = Tensor::uninitialised(out, a.dtype());
  dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *left = a.data<T>().data(), *right = b.data<T>().data();
    T* to = y.mutable_data<T>().data();
    for (Index i = 0; i < s.batch; ++i, left += s.m * s.k, right += s.k * s.n, to += s.m * s.n)
      kernels::gemm(ta, tb, s.m, s.n, s.k, T{1}, left, ta ? s.m : s.k, right, tb ? s.k : s.n, T{0}, to, s.n);
  });
  return y;
}

Tensor block(const Tensor& t, Index index, Index r, Index c) {
  Tensor part = Tensor::uninitialised(Shape{r, c}, t.dtype());
  dispatch(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::ranges::copy(t.data<T>().subspan(static_cast<std::size_t>(index * r * c), static_cast<std::size_t>(r * c)),
                      part.mutable_data<T>().begin());
  });
  return part;
}

Tensor transposed(const Tensor& matrix) { return transpose(Var(matrix)).value(); }

// Positions [from, from + count) of a flat vector of n.
LinearMap part_of(const Shape& in, Index from, Index count) {
  auto source = std::make_shared<std::vector<Index>>();
  for (Index i = 0; i < count; ++i) source->push_back(from + i);
  return LinearMap(in, Shape{count}, structure::Selection{std::move(source)});
}

// x ↦ op(x) · B (side 0) or A · op(x) (side 1), x and the result as in the product, `other` the fixed matrices.
// One batch: y = (I_m ⊗ Bᵀ) x or (A ⊗ I_n) x, after a permutation if x is read transposed.
LinearMap one_sided(int side, const Tensor& other, const Shape& in, const Shape& out, bool x_transposed,
                    bool other_transposed) {
  const Shape& o = other.shape();
  if (in.size() == 0 || out.size() == 0)
    return LinearMap(in, out, structure::Selection{std::make_shared<std::vector<Index>>(out.size(), Index{-1})});
  const Index batch = in.product(0, in.rank() - 2);
  const Index m = out[out.rank() - 2], n = out[out.rank() - 1];
  const Index k = side == 0 ? columns(in, x_transposed) : rows(in, x_transposed);
  const Index o_rows = o[o.rank() - 2], o_columns = o[o.rank() - 1];
  const auto of_batch = [&](Index i) {
    const Tensor matrix = block(other, i, o_rows, o_columns);
    const bool flip = side == 0 ? !other_transposed : other_transposed;  // side 0 needs op(B)ᵀ, side 1 op(A)
    const Tensor weight = flip ? transposed(matrix) : matrix;
    const Shape vector{side == 0 ? m * k : k * n}, result{m * n};
    LinearMap map = side == 0 ? LinearMap(vector, result, structure::DenseAlong{weight, m, 1})
                              : LinearMap(vector, result, structure::DenseAlong{weight, 1, n});
    if (!x_transposed) return map;
    const Shape read = side == 0 ? Shape{m, k} : Shape{k, n};
    auto source = std::make_shared<std::vector<Index>>();
    for (Index r = 0; r < read[0]; ++r)
      for (Index c = 0; c < read[1]; ++c) source->push_back(c * read[0] + r);
    return compose(map, LinearMap(vector, vector, structure::Selection{std::move(source)}));
  };
  if (batch == 1)
    return compose(reshape_map(Shape{m * n}, out), compose(of_batch(0), reshape_map(in, Shape{in.size()})));
  structure::BlockColumn column;
  for (Index i = 0; i < batch; ++i)
    column.blocks.push_back(
        compose(of_batch(i), part_of(Shape{in.size()}, i * (in.size() / batch), in.size() / batch)));
  const LinearMap stacked(Shape{in.size()}, Shape{out.size()}, std::move(column));
  return compose(reshape_map(Shape{out.size()}, out), compose(stacked, reshape_map(in, Shape{in.size()})));
}

}  // namespace

class MatMul final : public Primitive {
 public:
  static constexpr OpInfo static_info{"matmul", "op(A) · op(B), op: as it is or transposed", "", ""};
  MatMul(bool ta, bool tb) : ta_(ta), tb_(tb) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"transpose_a", ta_}, {"transpose_b", tb_}}; }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "matmul");
    const Shape& a = in[0].shape();
    const Sizes s = sizes_of(a, in[1].shape(), ta_, tb_);
    return {a.with(a.rank() - 2, s.m).with(a.rank() - 1, s.n), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return multiply(in[0], in[1], ta_, tb_, out.shape);
  }
  // Y = op(A) op(B): Ā = C op(B)ᵀ (or its transpose), B̄ = op(A)ᵀ C (or its transpose).
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    if (site.wanted(0)) site.add(0, ta_ ? matmul(site.in(1), c, tb_, true) : matmul(c, site.in(1), false, !tb_));
    if (site.wanted(1)) site.add(1, tb_ ? matmul(c, site.in(0), true, ta_) : matmul(site.in(0), c, !ta_, false));
  }
  Var jvp(const JvpSite& site) const override {
    Var sum;
    if (const Var* t = site.tangent(0)) sum = matmul(*t, site.in(1), ta_, tb_);
    if (const Var* t = site.tangent(1)) {
      const Var second = matmul(site.in(0), *t, ta_, tb_);
      sum = sum.defined() ? sum + second : second;
    }
    return sum;
  }
  Rule lipschitz(const RuleSite& site) const override {
    if (!site.varies(1)) return rule::Affine{{partial(site, 0, site.in[1]), LinearMap()}};
    if (!site.varies(0)) return rule::Affine{{LinearMap(), partial(site, 1, site.in[0])}};
    if (!site.on_domain())
      return primitives::unbounded_product(site, "a product of two varying matrices has unbounded derivatives");
    const Tensor a = primitives::magnitude(site.ranges[0]), b = primitives::magnitude(site.ranges[1]);
    if (!primitives::all_finite(a) || !primitives::all_finite(b))
      return primitives::unbounded(site, "a product of two varying matrices, of which one is unbounded on this domain");
    return rule::Bilinear{{partial(site, 0, b), partial(site, 1, a)}};
  }
  Range range(const RangeSite& site) const override {
    const Sizes s = sizes_of(site.in[0].shape(), site.in[1].shape(), ta_, tb_);
    const auto product = [&](const Tensor& a, const Tensor& b) { return multiply(a, b, ta_, tb_, site.out.shape()); };
    return primitives::bilinear_range(product, site.ranges[0], site.ranges[1], s.k, site.dtype());
  }
  // Samples may be batches of matrices, rows of A or columns of B.
  int sample_axis(const SampleSite& site) const override {
    const int rank = site.out.shape().rank();
    const auto carried = [&](int i) {
      const int axis = site.axis[static_cast<std::size_t>(i)];
      if (axis < 0 || axis < rank - 2) return axis;
      const int free_axis = i == 0 ? rank - (ta_ ? 1 : 2) : rank - (tb_ ? 2 : 1);
      if (axis != free_axis) return mixes_samples;
      return i == 0 ? rank - 2 : rank - 1;
    };
    const int a = carried(0), b = carried(1);
    if (a == no_sample_axis) return b;
    if (b == no_sample_axis) return a;
    return a == b && a >= 0 && a < rank - 2 ? a : mixes_samples;
  }

 private:
  LinearMap partial(const RuleSite& site, int side, const Tensor& other) const {
    const Shape& in = site.in[side].shape();
    return side == 0 ? one_sided(0, other, in, site.out.shape(), ta_, tb_)
                     : one_sided(1, other, in, site.out.shape(), tb_, ta_);
  }
  bool ta_, tb_;
};

// y = x Wᵀ + b: x (…, in) as r rows, W (out, in), b (out), the bias being optional.
class Dense final : public Primitive {
 public:
  static constexpr OpInfo static_info{"dense", "x·Wᵀ + b along the last axis", "", ""};
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "dense");
    const Shape &x = in[0].shape(), &w = in[1].shape();
    if (x.rank() < 1 || w.rank() != 2 || x[x.rank() - 1] != w[1])
      throw ShapeError(cat("[dense] x (…, in) and W (out, in) are required, got x ", x, " and W ", w));
    if (in.count() == 3 && in[2].shape() != Shape{w[0]})
      throw ShapeError(cat("[dense] the bias must have shape ", Shape{w[0]}, " for W ", w, ", got ", in[2].shape()));
    return {x.with(x.rank() - 1, w[0]), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Index n = in[1].shape()[0], k = in[1].shape()[1], r = row_count(in[0].shape());
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      T* const to = y.mutable_data<T>().data();
      const bool biased = in.count() == 3;
      if (biased)
        for (Index i = 0; i < r; ++i) std::ranges::copy(in[2].data<T>(), to + i * n);
      kernels::gemm(false, true, r, n, k, T{1}, in[0].data<T>().data(), k, in[1].data<T>().data(), k,
                    biased ? T{1} : T{0}, to, n);
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    if (site.wanted(0)) {
      const Var x = site.in(0);
      site.add(0, reshape(matmul(as_rows(c), site.in(1)), x.shape()));
    }
    if (site.wanted(1)) site.add(1, matmul(as_rows(c), as_rows(site.in(0)), true, false));
    if (site.arity() == 3 && site.wanted(2)) site.add(2, sum(as_rows(c), {0}));
  }
  Var jvp(const JvpSite& site) const override {
    Var total;
    const auto join = [&](const Var& t) { total = total.defined() ? total + t : t; };
    if (const Var* t = site.tangent(0)) join(dense(*t, site.in(1), Var()));
    if (const Var* t = site.tangent(1)) join(dense(site.in(0), *t, Var()));
    if (site.arity() == 3 && site.tangent(2) != nullptr) join(broadcast_to(*site.tangent(2), site.out().shape()));
    return total;
  }
  Rule lipschitz(const RuleSite& site) const override {
    const Shape &x = site.in[0].shape(), &w = site.in[1].shape(), &y = site.out.shape();
    const Index r = row_count(x);
    const auto by_input = [&](const Tensor& weight) {
      return r == 1 ? dense_map(weight, x, y) : LinearMap(x, y, structure::DenseAlong{weight, r, 1});
    };
    const auto by_weight = [&](const Tensor& input) {  // W X ᵀ, transposed
      const LinearMap rows_of_w =
          LinearMap(w, Shape{w[0], r}, structure::DenseAlong{input.reshaped(Shape{r, w[1]}), w[0], 1});
      auto source = std::make_shared<std::vector<Index>>();
      for (Index i = 0; i < r; ++i)
        for (Index o = 0; o < w[0]; ++o) source->push_back(o * r + i);
      return compose(LinearMap(Shape{w[0], r}, y, structure::Selection{std::move(source)}), rows_of_w);
    };
    std::vector<LinearMap> maps(static_cast<std::size_t>(site.in.count()));
    if (site.in.count() == 3 && site.varies(2)) {
      auto source = std::make_shared<std::vector<Index>>();
      for (Index i = 0; i < y.size(); ++i) source->push_back(i % w[0]);
      maps[2] = LinearMap(Shape{w[0]}, y, structure::Selection{std::move(source)});
    }
    if (!site.varies(0) || !site.varies(1)) {
      if (site.varies(0)) maps[0] = by_input(site.in[1]);
      if (site.varies(1)) maps[1] = by_weight(site.in[0]);
      return rule::Affine{std::move(maps)};
    }
    if (!site.on_domain())
      return primitives::unbounded_product(site, "the product of a varying input and a varying weight");
    const Tensor xs = primitives::magnitude(site.ranges[0]), ws = primitives::magnitude(site.ranges[1]);
    if (!primitives::all_finite(xs) || !primitives::all_finite(ws))
      return primitives::unbounded(site,
                                   "the product of a varying input and a varying weight, unbounded on this domain");
    maps[0] = by_input(ws);
    maps[1] = by_weight(xs);
    return rule::Bilinear{std::move(maps)};
  }
  Range range(const RangeSite& site) const override {
    const Shape &x = site.in[0].shape(), &w = site.in[1].shape();
    const auto product = [&](const Tensor& a, const Tensor& b) {
      return multiply(a.reshaped(Shape{row_count(x), w[1]}), b, false, true, Shape{row_count(x), w[0]})
          .reshaped(site.out.shape());
    };
    Range bias;
    if (site.in.count() == 3) bias = primitives::spread(site.ranges[2], site.out.shape(), site.out.shape().rank() - 1);
    return primitives::bilinear_range(product, site.ranges[0], site.ranges[1], w[1], site.dtype(), bias);
  }
  int sample_axis(const SampleSite& site) const override {
    if (site.axis[1] != no_sample_axis || (site.in.count() == 3 && site.axis[2] != no_sample_axis))
      return mixes_samples;
    return site.axis[0] == site.in[0].shape().rank() - 1 ? mixes_samples : site.axis[0];
  }

 private:
  static Index row_count(const Shape& x) { return x.product(0, x.rank() - 1); }
  static Var as_rows(const Var& x) {
    const Shape& s = x.shape();
    return s.rank() == 2 ? x : reshape(x, Shape{row_count(s), s[s.rank() - 1]});
  }
};

namespace {

// The batch dimensions of `batch` before the last two of x; x itself when they fit already.
Var in_batches(const Var& x, const Shape& batch, Where where) {
  const int rank = x.shape().rank();
  std::vector<Index> dims(batch.dims().begin(), batch.dims().end());
  for (const int axis : {rank - 2, rank - 1}) dims.push_back(x.shape()[axis]);
  return broadcast_to(x, Shape(dims), where);
}

}  // namespace

Var matmul(const Var& a, const Var& b, bool transpose_a, bool transpose_b, Where where) {
  primitives::given(b, "matmul", where);
  return primitives::checked(a, "matmul", where, [&] {
    const Tensor* const tensors[] = {&a.value(), &b.value()};
    primitives::require_same_dtype(Operands(tensors), "matmul");
    const Shape &left = a.shape(), &right = b.shape();
    const auto batch_of = [](const Shape& s) {
      return Shape(s.dims().first(static_cast<std::size_t>(std::max(s.rank() - 2, 0))));
    };
    const Shape of_a = batch_of(left), of_b = batch_of(right);
    const bool matrices = left.rank() >= 2 && right.rank() >= 2;
    if (!matrices || of_a == of_b || columns(left, transpose_a) != rows(right, transpose_b) || !broadcasts(of_a, of_b))
      return record(where, MatMul(transpose_a, transpose_b), a, b);  // or refused there
    const Shape batch = broadcast_shapes(of_a, of_b, "matmul");
    return record(where, MatMul(transpose_a, transpose_b), in_batches(a, batch, where), in_batches(b, batch, where));
  });
}

Var dense(const Var& x, const Var& weight, const Var& bias, Where where) {
  if (!bias.defined()) return record(where, Dense(), x, weight);
  return record(where, Dense(), x, weight, bias);
}

template const OpInfo& describe<MatMul>();
template const OpInfo& describe<Dense>();

}  // namespace taut
