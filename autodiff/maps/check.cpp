#include "autodiff/maps/check.h"

#include <algorithm>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/kernels/conv.h"

namespace taut::detail {
namespace {

constexpr Index blas_limit = std::numeric_limits<int>::max();

struct Check {
  const Shape& in;
  const Shape& out;

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw ShapeError(cat("[linear map] from ", in, " to ", out, ": ", parts...));
  }

  void sizes(const char* what, Index from, Index to) const {
    if (in.size() != from || out.size() != to)
      fail(what, " carries ", from, " numbers to ", to, ", the shapes have ", in.size(), " and ", out.size(),
           "; correct the shapes");
  }
  void same_size(const char* what) const {
    if (in.size() != out.size())
      fail(what, " needs as many numbers on both sides, the shapes have ", in.size(), " and ", out.size(),
           "; correct the shapes");
  }
  void defined(const char* what, const Tensor& weight) const {
    if (!weight.defined()) fail(what, " needs weights, got an undefined tensor");
  }
  void matrix(const char* what, const Tensor& weight) const {
    defined(what, weight);
    if (weight.shape().rank() != 2)
      fail(what, " needs a weight of shape (m, n), got ", weight.shape(), "; reshape the weight");
    if (std::max(weight.shape()[0], weight.shape()[1]) > blas_limit)
      throw UnsupportedError(cat("[linear map] weight ", weight.shape(), " has a dimension beyond ", blas_limit,
                                 ", the largest that BLAS takes; split the map into blocks"));
  }
  // Every index is −1 or a position among `size` numbers, and there is one per element of `shape`.
  void indices(const char* what, const std::shared_ptr<const std::vector<Index>>& list, const Shape& shape,
               Index size) const {
    if (list == nullptr) fail(what, " needs a list of indices, got none");
    if (static_cast<Index>(list->size()) != shape.size())
      fail(what, " needs one index per element of ", shape, ", got ", list->size());
    const auto wrong = std::ranges::find_if(*list, [size](Index i) { return i < -1 || i >= size; });
    if (wrong != list->end())
      fail(what, " has index ", *wrong, " at position ", wrong - list->begin(), "; valid are -1 to ", size - 1);
  }
  void parts(const char* what, const std::vector<LinearMap>& maps) const {
    if (maps.empty()) fail(what, " needs at least one map, got none");
    const auto empty = std::ranges::find_if(maps, [](const LinearMap& map) { return !map; });
    if (empty != maps.end())
      fail(what, " has an empty map at position ", empty - maps.begin(),
           "; leave out maps of arguments that do not vary");
  }

  void operator()(const structure::Dense& s) const {
    matrix("a dense map", s.weight);
    sizes("a dense map", s.weight.shape()[1], s.weight.shape()[0]);
  }
  void operator()(const structure::DenseAlong& s) const {
    matrix("a dense map along an axis", s.weight);
    if (s.outer < 0 || s.inner < 0 || std::max(s.outer, s.inner) > blas_limit)
      fail("a dense map along an axis needs outer and inner counts from 0 to ", blas_limit, ", got ", s.outer, " and ",
           s.inner);
    sizes("a dense map along an axis", Shape{s.outer, s.weight.shape()[1], s.inner}.size(),
          Shape{s.outer, s.weight.shape()[0], s.inner}.size());
  }
  void operator()(const structure::Scale&) const { same_size("a scale"); }
  void operator()(const structure::Diagonal& s) const {
    defined("a diagonal", s.values);
    same_size("a diagonal");
    if (s.inner < 1) fail("a diagonal needs an inner count of 1 or more, got ", s.inner);
    const Index period = Shape{s.values.size(), s.inner}.size();
    if (in.size() > 0 && (period == 0 || in.size() % period != 0))
      fail("a diagonal of ", s.values.size(), " values, each for ", s.inner, " elements in a row, does not fill ",
           in.size(), " elements a whole number of times; correct the values or the inner count");
  }
  void operator()(const structure::Selection& s) const { indices("a selection", s.source, out, in.size()); }
  void operator()(const structure::Gathering& s) const { indices("a gathering", s.target, in, out.size()); }
  void operator()(const structure::Convolution& s) const {
    defined("a convolution", s.kernel);
    const kernels::ConvShape shape = kernels::conv_shape(1, s.image, s.kernel.shape(), s.options, "linear map");
    const std::array<Index, 3> result{shape.c_out, shape.out_h, shape.out_w};
    if (s.result != result)
      fail("a convolution of an image ", Shape(s.image), " with kernel ", s.kernel.shape(), " gives ", Shape(result),
           ", but the result was stated as ", Shape(s.result));
    if (s.boundary == Boundary::circular && Shape(s.image).size() == 0)
      fail("a circular convolution needs an image to repeat, got ", Shape(s.image));
    const Index image_size = Shape(s.image).size(), result_size = Shape(result).size();
    if (s.transposed)
      sizes("a transposed convolution", result_size, image_size);
    else
      sizes("a convolution", image_size, result_size);
  }
  void operator()(const structure::BlockRow& s) const {
    parts("a block row", s.blocks);
    Index from = 0;
    for (const LinearMap& block : s.blocks) from += block.in_shape().size();
    for (const LinearMap& block : s.blocks) sizes("a block row", from, block.out_shape().size());
  }
  void operator()(const structure::BlockColumn& s) const {
    parts("a block column", s.blocks);
    Index to = 0;
    for (const LinearMap& block : s.blocks) to += block.out_shape().size();
    for (const LinearMap& block : s.blocks) sizes("a block column", block.in_shape().size(), to);
  }
  void operator()(const structure::Composition& s) const {
    parts("a composition", s.factors);
    for (std::size_t i = 0; i + 1 < s.factors.size(); ++i)
      if (s.factors[i].in_shape().size() != s.factors[i + 1].out_shape().size())
        fail("factor ", i, " of a composition takes ", s.factors[i].in_shape(), " but factor ", i + 1, " gives ",
             s.factors[i + 1].out_shape(), "; correct the order of the factors");
    sizes("a composition", s.factors.back().in_shape().size(), s.factors.front().out_shape().size());
  }
  void operator()(const structure::Sum& s) const {
    parts("a sum", s.terms);
    for (const LinearMap& term : s.terms) sizes("a term of a sum", term.in_shape().size(), term.out_shape().size());
  }
  void operator()(const structure::Opaque& s) const {
    if (!s.apply || !s.apply_transpose) fail("an opaque map needs both functions, apply and apply_transpose");
  }
};

}  // namespace

void check_structure(const Shape& in, const Shape& out, const Structure& structure) {
  std::visit(Check{in, out}, structure);
}

}  // namespace taut::detail
