// Primitive: one operation with all its rules. Complete or it does not compile: every rule below is pure, and only
// types on a declared list (primitive_list.h, or a user's own) can be recorded.
//
// Derivative rules are written once, against Var. In a differentiable sweep they create nodes, so that their result can
// be differentiated again; otherwise their Vars are plain tensors and nothing is recorded.
#pragma once

#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

#include "autodiff/attributes.h"
#include "autodiff/primitive_list.h"
#include "autodiff/range.h"
#include "autodiff/rule.h"
#include "autodiff/tensor.h"
#include "autodiff/var.h"

#pragma GCC visibility push(default)

namespace taut {

struct OpInfo {
  std::string_view name;       // as in ops.h
  std::string_view formula;    // y = …
  std::string_view kinks;      // what the derivative is where there is none; "" for smooth functions
  std::string_view reference;  // citation key into docs/references.md; "" when elementary
};

// The tensors that an operation is applied to.
class Operands {
 public:
  explicit Operands(std::span<const Tensor* const> tensors) : tensors_(tensors) {}
  int count() const { return static_cast<int>(tensors_.size()); }
  const Tensor& operator[](int i) const { return *tensors_[static_cast<std::size_t>(i)]; }

 private:
  std::span<const Tensor* const> tensors_;
};

// What reverse mode shows a primitive: y = f(x_0, x_1, …) and the cotangent of y.
class VjpSite {
 public:
  virtual int arity() const = 0;
  virtual Var in(int i) const = 0;
  virtual Var out() const = 0;
  virtual const Var& cotangent() const = 0;
  virtual bool wanted(int i) const = 0;           // is a derivative with respect to operand i asked for?
  virtual void add(int i, Var contribution) = 0;  // adds to the cotangent of operand i; ignored if not wanted

 protected:
  ~VjpSite() = default;
};

// What forward mode shows a primitive.
class JvpSite {
 public:
  virtual int arity() const = 0;
  virtual Var in(int i) const = 0;
  virtual Var out() const = 0;
  virtual const Var* tangent(int i) const = 0;  // null: zero

 protected:
  ~JvpSite() = default;
};

// What a Lipschitz rule may look at. The constant is per sample: the batch is 1.
struct RuleSite {
  Operands in;
  const Tensor& out;
  std::uint32_t varying = 0;      // bit i: operand i depends on the analysed input
  std::span<const Range> ranges;  // one per operand when a domain was given, else empty
  bool varies(int i) const { return (varying >> i & 1U) != 0; }
  bool on_domain() const { return !ranges.empty(); }
};

// What the rule of squares may look at: a RuleSite with ranges, and the one varying operand where it is squares.
struct SquaresSite {
  const RuleSite& rule;
  const rule::Squares* operand;  // null: it is not known to be
};

struct RangeSite {
  Operands in;  // shapes and dtypes; the values may lie outside of the ranges
  const Tensor& out;
  std::span<const Range> ranges;  // one per operand
  DType dtype() const { return out.dtype(); }
};

// Which axis holds the samples of a batch, so that an op which mixes samples can be refused by analyses.
inline constexpr int no_sample_axis =
    -1;  // the value is the same for every sample, or there is one sample without an axis
inline constexpr int mixes_samples = -2;  // one sample's output depends on another sample's input
struct SampleSite {
  Operands in;
  const Tensor& out;
  std::span<const int> axis;  // per operand: an axis or no_sample_axis
};

class Primitive {
 public:
  virtual const OpInfo& info() const = 0;
  // Type of the result; ShapeError or DTypeError when the operands do not fit.
  virtual TensorType infer(const Operands& in) const = 0;
  virtual Tensor forward(const Operands& in, const TensorType& out) const = 0;
  // Adds cotangent · ∂f/∂x_i to every wanted operand.
  virtual void vjp(VjpSite& site) const = 0;
  // Σ ∂f/∂x_i · tangent_i. At least one tangent is not null.
  virtual Var jvp(const JvpSite& site) const = 0;
  virtual Rule lipschitz(const RuleSite& site) const = 0;
  // Outer intervals of the output over the ranges, rounding included: at point ranges they hold the forward value.
  virtual Range range(const RangeSite& site) const = 0;
  virtual int sample_axis(const SampleSite& site) const = 0;

  // May be left out, which says that nothing is known.
  virtual rule::OfSquares of_squares(const SquaresSite& /*site*/) const { return {}; }

  // Its parameters by name, for writing a tape down elsewhere, as in an ONNX file. No rule, so it may be left out.
  virtual Attributes attributes() const { return {}; }

 protected:
  Primitive() = default;
  Primitive(const Primitive&) = default;
  Primitive& operator=(const Primitive&) = default;
  ~Primitive() = default;  // primitives live in a tape's arena and are destroyed by their own type
};

template <class P>
concept Complete = std::derived_from<P, Primitive> && std::is_final_v<P> && !std::is_abstract_v<P>;

// Taut's own list; specialise as true for your own primitives:
//   template <> inline constexpr bool taut::is_listed<MyOp> = true;
template <class P>
inline constexpr bool is_listed = Primitives::contains<P>;

template <class P>
concept Listed = Complete<P> && is_listed<P>;

}  // namespace taut

#pragma GCC visibility pop
