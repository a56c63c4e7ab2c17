// Products with matrices and kernels.
#include <algorithm>

#include "tests/onnx/generated/node_view.h"
#include "tests/onnx/generated/window.h"

namespace taut::test::generated {
namespace {

// (…, n, k) · (…, k, m), leading axes broadcast.
Value matrix_product(const NodeView& n, const Value& left, const Value& right) {
  const int ra = left.rank(), rb = right.rank();
  if (ra < 2 || rb < 2 || left.dim(ra - 1) != right.dim(rb - 2)) n.fail("matrices that do not fit");
  const Sizes batch =
      broadcast(Sizes(left.shape.begin(), left.shape.end() - 2), Sizes(right.shape.begin(), right.shape.end() - 2));
  const std::int64_t rows = left.dim(ra - 2), inner = left.dim(ra - 1), columns = right.dim(rb - 1);
  const auto with = [&](std::int64_t r, std::int64_t c) {
    Sizes shape = batch;
    shape.insert(shape.end(), {r, c});
    return shape;
  };
  const Value a = spread(left, with(rows, inner)), b = spread(right, with(inner, columns));
  Value y = zeros(with(rows, columns), left.type);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t matrix = i / (rows * columns), row = i / columns % rows, column = i % columns;
    for (std::int64_t k = 0; k < inner; ++k)
      add_product(y.at(i), a.at((matrix * rows + row) * inner + k), b.at((matrix * inner + k) * columns + column));
  }
  return y;
}

Results matmul(const NodeView& n) {
  Value a = n[0], b = n[1];
  const bool row = a.rank() == 1, column = b.rank() == 1;
  if (row) a.shape.insert(a.shape.begin(), 1);
  if (column) b.shape.push_back(1);
  Value y = matrix_product(n, a, b);
  if (column) y.shape.pop_back();
  if (row) y.shape.erase(y.shape.end() - (column ? 1 : 2));
  return {y};
}

Results gemm(const NodeView& n) {
  if (n[0].rank() != 2 || n[1].rank() != 2) n.fail("matrices are needed");
  const Value a = n.whole("transA", 0) != 0 ? permuted(n[0], {1, 0}) : n[0];
  const Value b = n.whole("transB", 0) != 0 ? permuted(n[1], {1, 0}) : n[1];
  Value y = matrix_product(n, a, b);
  const Dual alpha(n.real("alpha", 1)), beta(n.real("beta", 1));
  for (Dual& x : y.numbers) x = x * alpha;
  if (!n.has(2)) return {y};
  // C broadcasts to the product, and not the other way.
  const Value c = spread(n[2], y.shape);
  for (std::int64_t i = 0; i < y.size(); ++i) add_product(y.at(i), beta, c.at(i));
  return {y};
}

// Every assignment of positions to letters contributes one product.
Results einsum(const NodeView& n) {
  std::string equation = n.text("equation", "");
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  if (arrow == std::string::npos || equation.find('.') != std::string::npos) n.fail("not written out");
  std::vector<std::string> terms(1);
  for (const char c : equation.substr(0, arrow))
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  const std::string out = equation.substr(arrow + 2);
  std::string letters;
  std::map<char, std::int64_t> sizes;
  if (terms.size() != n.count()) n.fail("operands that do not fit");
  for (std::size_t k = 0; k < terms.size(); ++k) {
    if (terms[k].size() != n[k].shape.size()) n.fail("operands that do not fit");
    for (std::size_t i = 0; i < terms[k].size(); ++i) {
      if (!sizes.emplace(terms[k][i], n[k].shape[i]).second && sizes[terms[k][i]] != n[k].shape[i])
        n.fail("operands that do not fit");
      if (letters.find(terms[k][i]) == std::string::npos) letters += terms[k][i];
    }
  }
  Sizes all, shape;
  for (const char c : letters) all.push_back(sizes[c]);
  for (const char c : out) shape.push_back(sizes[c]);
  Value y = zeros(shape, n[0].type);
  for (std::int64_t i = 0; i < count(all); ++i) {
    const Sizes at = position(i, all);
    const auto of = [&](const std::string& term) {
      Sizes p;
      for (const char c : term) p.push_back(at[letters.find(c)]);
      return p;
    };
    Dual term(1);
    for (std::size_t k = 0; k < terms.size(); ++k) term = term * n[k].at(flat(of(terms[k]), n[k].shape));
    y.at(flat(of(out), shape)) += term;
  }
  return {y};
}

// Calls f(output, input, position in the kernel) for all that meet; sizes of spatial axes.
template <class F>
void for_each_tap(const Window& w, const Sizes& of_windows, const Sizes& of_image, F&& f) {
  const Sizes kernel = w.kernel;
  for (std::int64_t o = 0; o < count(of_windows); ++o)
    for (std::int64_t k = 0; k < count(kernel); ++k) {
      Sizes at = position(o, of_windows);
      const Sizes tap = position(k, kernel);
      bool inside = true;
      for (std::size_t i = 0; i < at.size(); ++i) {
        at[i] = at[i] * w.stride[i] + tap[i] * w.dilation[i] - w.before[i];
        inside = inside && at[i] >= 0 && at[i] < of_image[i];
      }
      if (inside) f(o, flat(at, of_image), k);
    }
}

void add_bias(const NodeView& n, Value& y) {
  if (!n.has(2)) return;
  if (n[2].shape != Sizes{y.dim(1)}) n.fail("a bias that does not fit");
  const std::int64_t plane = product(y.shape, 2, y.rank());
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i) += n[2].at(i / plane % y.dim(1));
}

Results conv(const NodeView& n) {
  const Value &x = n[0], &kernel = n[1];
  if (x.rank() < 3 || kernel.rank() != x.rank()) n.fail("shapes that do not fit");
  const Sizes image(x.shape.begin() + 2, x.shape.end());
  const Window w(n, image, Sizes(kernel.shape.begin() + 2, kernel.shape.end()));
  const std::int64_t groups = n.whole("group", 1), in = kernel.dim(1), out = kernel.dim(0);
  if (groups < 1 || out % groups != 0 || x.dim(1) != in * groups) n.fail("channels that do not fit");
  Sizes shape{x.dim(0), out};
  shape.insert(shape.end(), w.counts.begin(), w.counts.end());
  Value y = zeros(shape, x.type);
  const std::int64_t planes = count(w.counts), pixels = count(image), taps = count(w.kernel);
  for_each_tap(w, w.counts, image, [&](std::int64_t o, std::int64_t at, std::int64_t tap) {
    for (std::int64_t s = 0; s < x.dim(0); ++s)
      for (std::int64_t c = 0; c < out; ++c)
        for (std::int64_t k = 0; k < in; ++k)
          add_product(y.at((s * out + c) * planes + o),
                      x.at((s * x.dim(1) + c / (out / groups) * in + k) * pixels + at),
                      kernel.at((c * in + k) * taps + tap));
  });
  add_bias(n, y);
  return {y};
}

// The transpose of what Conv does with these windows on an image of the result's size.
Results conv_transpose(const NodeView& n) {
  const Value &x = n[0], &kernel = n[1];
  if (x.rank() < 3 || kernel.rank() != x.rank()) n.fail("shapes that do not fit");
  const Sizes windows(x.shape.begin() + 2, x.shape.end());
  Window w(n, Sizes(kernel.shape.begin() + 2, kernel.shape.end()));
  const std::int64_t groups = n.whole("group", 1), in = x.dim(1) / std::max<std::int64_t>(1, groups);
  const std::int64_t out = kernel.dim(1);
  if (groups < 1 || kernel.dim(0) != x.dim(1) || x.dim(1) % groups != 0) n.fail("channels that do not fit");
  const Sizes image = w.transposed(n, windows);
  Sizes shape{x.dim(0), out * groups};
  shape.insert(shape.end(), image.begin(), image.end());
  Value y = zeros(shape, x.type);
  const std::int64_t planes = count(windows), pixels = count(image), taps = count(w.kernel);
  for_each_tap(w, windows, image, [&](std::int64_t o, std::int64_t at, std::int64_t tap) {
    for (std::int64_t s = 0; s < x.dim(0); ++s)
      for (std::int64_t k = 0; k < x.dim(1); ++k)
        for (std::int64_t c = 0; c < out; ++c)
          add_product(y.at((s * out * groups + k / in * out + c) * pixels + at), x.at((s * x.dim(1) + k) * planes + o),
                      kernel.at((k * out + c) * taps + tap));
  });
  add_bias(n, y);
  return {y};
}

}  // namespace

const OperationTable& product_operations() {
  static const OperationTable table{
      {"Conv", conv}, {"ConvTranspose", conv_transpose}, {"Einsum", einsum}, {"Gemm", gemm}, {"MatMul", matmul},
  };
  return table;
}

}  // namespace taut::test::generated
