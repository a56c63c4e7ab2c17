// Constants, shapes, comparisons and truth values: what is evaluated while a model is read.
#include <algorithm>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

void constant(Call& call) {
  if (const Array* array = call.tensor("value"); array != nullptr) {
    const bool real = onnx::is_float(array->type);
    return call.out(0, Value{Var(real ? array->tensor.to(call.dtype()) : array->tensor), array->type});
  }
  const auto list = [&](const auto& numbers, ElementType type, const Shape& shape) {
    Tensor t = Tensor::uninitialised(shape, DType::f64);
    double* to = t.mutable_data<double>().data();
    for (const auto x : numbers) *to++ = static_cast<double>(x);
    call.out(0, Value{Var(onnx::is_float(type) ? t.to(call.dtype()) : t), type});
  };
  if (call.has("value_float")) return list(std::vector<double>{call.f("value_float", 0.0)}, ElementType::f32, Shape{});
  if (call.has("value_int")) return list(std::vector<Index>{call.i("value_int", 0)}, ElementType::i64, Shape{});
  if (const auto x = call.fs("value_floats")) return list(*x, ElementType::f32, Shape{static_cast<Index>(x->size())});
  if (const auto x = call.is("value_ints")) return list(*x, ElementType::i64, Shape{static_cast<Index>(x->size())});
  call.unsupported("a constant that is neither a dense tensor nor numbers");
}

Shape moderate_shape(Call& call, const std::vector<Index>& dims) {
  double count = 1.0;
  for (const Index dim : dims) {
    if (dim < 0) call.fail(cat("a dimension of ", dim));
    count *= static_cast<double>(dim);
  }
  call.require_moderate(count);
  return Shape(dims);
}

void constant_of_shape(Call& call) {
  const Shape shape = moderate_shape(call, call.whole_numbers(0, "shape"));
  const Array* array = call.tensor("value");
  const ElementType type = array != nullptr ? array->type : ElementType::f32;
  if (array != nullptr && array->tensor.size() != 1) call.fail("its value must be one number");
  const double value = array != nullptr ? array->tensor.at(0) : 0.0;
  call.out(0, Value{Var(Tensor::full(shape, onnx::is_float(type) ? call.dtype() : DType::f64, value)), type});
}

void eye_like(Call& call) {
  const Shape& shape = call.value(0).var.shape();
  if (shape.rank() != 2) call.fail("it needs a matrix");
  const auto type = static_cast<ElementType>(call.i("dtype", static_cast<Index>(call.value(0).type)));
  const Index k = call.i("k", 0);
  Tensor eye = Tensor::zeros(shape, DType::f64);
  double* to = eye.mutable_data<double>().data();
  for (Index i = 0; i < shape[0]; ++i)
    if (i + k >= 0 && i + k < shape[1]) to[i * shape[1] + i + k] = 1.0;
  call.out(0, Value{Var(onnx::is_float(type) ? eye.to(call.dtype()) : eye), type});
}

void range(Call& call) {
  const double start = call.scalar(0, "start"), limit = call.scalar(1, "limit"), step = call.scalar(2, "delta");
  if (step == 0.0 || !std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(step))
    call.fail("its start, limit and delta must be finite, and delta not 0");
  const double count = std::max(0.0, std::ceil((limit - start) / step));
  call.require_moderate(count);
  Tensor t = Tensor::uninitialised(Shape{static_cast<Index>(count)}, DType::f64);
  double* to = t.mutable_data<double>().data();
  const ElementType type = call.value(0).type;
  const bool real = onnx::is_float(type);
  for (Index i = 0; i < t.size(); ++i) to[i] = real ? static_cast<double>(i) : start + static_cast<double>(i) * step;
  // Recorded, since it rounds.
  if (real) return call.out(add(call.x(0), mul(Var(t.to(call.dtype())), call.x(2), call.where()), call.where()));
  call.whole(0, t, type);
}

void shape_operator(Call& call) {
  const Shape& shape = call.value(0).var.shape();
  const int rank = shape.rank();
  const auto clamped = [&](Index at) { return static_cast<int>(std::clamp<Index>(at < 0 ? at + rank : at, 0, rank)); };
  const int from = clamped(call.i("start", 0)), to = std::max(from, clamped(call.i("end", rank)));
  Tensor t = Tensor::uninitialised(Shape{to - from}, DType::f64);
  for (int i = from; i < to; ++i)
    t.mutable_data<double>()[static_cast<std::size_t>(i - from)] = static_cast<double>(shape[i]);
  call.whole(0, t, ElementType::i64);
}
void size_operator(Call& call) {
  call.whole(0, Tensor::scalar(static_cast<double>(call.value(0).var.shape().size())), ElementType::i64);
}

Tensor wide(Call& call, int i) { return call.value(i).var.value().to(DType::f64); }

template <class Test>
void truth(Call& call, Test test) {
  call.require_moderate(static_cast<double>(
      broadcast_shapes(call.value(0).var.shape(), call.value(1).var.shape(), call.node().op.c_str()).size()));
  call.whole(0, whole_map(wide(call, 0), wide(call, 1), test), ElementType::boolean);
}
// Of numbers that may be known by intervals: their order is decided by the ends.
template <class Test>
void compare(Call& call, Test test) {
  if (!call.is_float(0) || !call.is_float(1) || call.varies(0) || call.varies(1) || (call.exact(0) && call.exact(1)))
    return truth(call, test);
  const Range a = call.enclosed(0, "operand"), b = call.enclosed(1, "operand");
  call.require_moderate(static_cast<double>(broadcast_shapes(a.shape(), b.shape(), call.node().op.c_str()).size()));
  const Tensor before = whole_map(a.hi, b.lo, std::less<>()), behind = whole_map(a.lo, b.hi, std::greater<>());
  if (!std::ranges::equal(before.data<double>(), behind.data<double>(), std::not_equal_to<>()))
    call.unsupported(
        "it compares numbers that are computed within the file, and known by intervals that meet; store them as "
        "constants (fold constants before the export)");
  call.whole(0, whole_map(behind, [&](double larger) { return test(larger, 1.0 - larger); }), ElementType::boolean);
}
void equal(Call& call) {
  compare(call, [](double a, double b) { return a == b; });
}
void less(Call& call) {
  compare(call, [](double a, double b) { return a < b; });
}
void less_or_equal(Call& call) {
  compare(call, [](double a, double b) { return a <= b; });
}
void greater(Call& call) {
  compare(call, [](double a, double b) { return a > b; });
}
void greater_or_equal(Call& call) {
  compare(call, [](double a, double b) { return a >= b; });
}
void both(Call& call) {
  truth(call, [](double a, double b) { return a != 0 && b != 0; });
}
void either(Call& call) {
  truth(call, [](double a, double b) { return a != 0 || b != 0; });
}
void one_of(Call& call) {
  truth(call, [](double a, double b) { return (a != 0) != (b != 0); });
}
void negation(Call& call) {
  call.whole(0, whole_map(wide(call, 0), [](double a) { return a == 0.0; }), ElementType::boolean);
}

// Of numbers that do not depend on the input: staircases.
template <class F>
void staircase(Call& call, F f) {
  if (call.varies(0)) call.unsupported("a staircase of what depends on the input has no Lipschitz constant");
  const Tensor y = call.decided(0, f);
  call.out(0, Value{Var(call.is_float(0) ? y.to(call.dtype()) : y), call.value(0).type});
}
void floor_operator(Call& call) {
  staircase(call, [](double x) { return std::floor(x); });
}
void ceil_operator(Call& call) {
  staircase(call, [](double x) { return std::ceil(x); });
}
void round_operator(Call& call) {
  staircase(call, [](double x) { return std::nearbyint(x); });
}

void mod(Call& call) {
  if (call.varies(0) || call.varies(1))
    call.unsupported("a remainder of what depends on the input has no Lipschitz constant");
  const bool sign_of_dividend = call.i("fmod", 0) != 0;
  const Tensor y = whole_map(wide(call, 0), wide(call, 1), [&](double a, double b) {
    const double r = b != 0.0 ? std::fmod(a, b) : 0.0;
    return sign_of_dividend || r == 0.0 || (r < 0) == (b < 0) ? r : r + b;
  });
  if (!call.is_float(0)) return call.whole(0, y, call.value(0).type);
  const Tensor stored = y.to(call.dtype());
  const bool exact =
      call.exact(0) && call.exact(1) && std::ranges::equal(stored.to(DType::f64).data<double>(), y.data<double>());
  if (!exact) call.unsupported("a remainder that is no number of the model's type; store it as a constant");
  call.out(0, Value{Var(stored), call.value(0).type});
}

void non_zero(Call& call) {
  const Tensor& x = call.constant(0, "operand");
  std::vector<Index> at;
  for (Index i = 0; i < x.size(); ++i)
    if (x.at(i) != 0.0) at.push_back(i);
  const int rank = std::max(1, x.shape().rank());
  Tensor y = Tensor::uninitialised(Shape{rank, static_cast<Index>(at.size())}, DType::f64);
  double* to = y.mutable_data<double>().data();
  for (std::size_t k = 0; k < at.size(); ++k) {
    Index rest = at[k];
    for (int axis = rank - 1; axis >= 0; --axis) {
      const Index n = x.shape().rank() > 0 ? x.shape()[axis] : 1;
      to[static_cast<std::size_t>(axis) * at.size() + k] = static_cast<double>(rest % n);
      rest /= n;
    }
  }
  call.whole(0, y, ElementType::i64);
}

void if_operator(Call& call) {
  call.unsupported(
      "its condition is no constant of the file; supported are conditions that depend on neither the input nor its "
      "shape (fold constants before the export)");
}

constexpr std::string_view unused = "its result may be an output, nothing may use it if it depends on the input";
constexpr Operator whole_number_table[] = {
    {"And", Kind::computes, 7, both, "—", "constants only"},
    {"Ceil", Kind::computes, 1, ceil_operator, "—", "constants only"},
    {"Constant", Kind::moves, 1, constant, "—"},
    {"ConstantOfShape", Kind::moves, 9, constant_of_shape, "—"},
    {"Equal", Kind::computes, 7, equal, "—", unused},
    {"EyeLike", Kind::shapes, 9, eye_like, "—"},
    {"Floor", Kind::computes, 1, floor_operator, "—", "constants only"},
    {"Greater", Kind::computes, 7, greater, "—", unused},
    {"GreaterOrEqual", Kind::computes, 12, greater_or_equal, "—", unused},
    {"If", Kind::computes, 1, if_operator, "—", "constant conditions"},
    {"Less", Kind::computes, 7, less, "—", unused},
    {"LessOrEqual", Kind::computes, 12, less_or_equal, "—", unused},
    {"Mod", Kind::computes, 10, mod, "—", "constants only"},
    {"NonZero", Kind::computes, 9, non_zero, "—", "constants only"},
    {"Not", Kind::computes, 1, negation, "—", "constants only"},
    {"Or", Kind::computes, 7, either, "—", "constants only"},
    {"Range", Kind::computes, 11, range, "—", "constants only"},
    {"Round", Kind::computes, 11, round_operator, "—", "constants only"},
    {"Shape", Kind::shapes, 1, shape_operator, "—"},
    {"Size", Kind::shapes, 1, size_operator, "—"},
    {"Xor", Kind::computes, 7, one_of, "—", "constants only"},
};

}  // namespace

std::span<const Operator> whole_number_operators() { return whole_number_table; }

}  // namespace taut::nn::onnx
