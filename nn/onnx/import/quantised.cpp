// Numbers stored as whole numbers with a scale: exact for constants. Quantising what depends on the input is a
// staircase.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

// A scale or zero point: one number, one per slice along the axis, or one per block of slices.
Var spread(Call& call, const Var& numbers, const Shape& shape) {
  if (numbers.shape().size() == 1) return reshape(numbers, Shape{}, call.where());
  const int axis = call.axis(call.i("axis", 1), shape.rank());
  const Index block = call.i("block_size", 0);
  if (block > 0) {
    const Var wide = repeat(numbers, axis, block, call.where());
    return wide.shape() == shape ? wide : slice(wide, axis, 0, shape[axis], 1, call.where());
  }
  if (numbers.shape() != Shape{shape[axis]})
    call.fail(cat("its scale of shape ", numbers.shape(), " does not fit axis ", axis, " of ", shape));
  Shape along = numbers.shape();
  for (int i = axis + 1; i < shape.rank(); ++i) along = along.inserted(along.rank(), 1);
  return reshape(numbers, along, call.where());
}

void require_constant(Call& call) {
  if (call.varies(0))
    call.unsupported(
        "it rounds what depends on the input to steps: a staircase, without a Lipschitz constant; analyse the model "
        "without quantised activations (weights alone may be quantised)");
}

// (x − zero point) · scale. The product is recorded, since it rounds.
void dequantize_linear(Call& call) {
  require_constant(call);
  if (call.is_float(0)) call.unsupported("8-bit floating-point numbers");
  const Shape& shape = call.value(0).var.shape();
  Tensor steps = call.constant(0, "operand").to(DType::f64);
  if (call.has(2))
    steps = whole_map(steps, spread(call, Var(call.constant(2, "zero point").to(DType::f64)), shape).value(),
                      [](double x, double zero) { return x - zero; });
  const Tensor stored = steps.to(call.dtype());
  if (!std::ranges::equal(stored.to(DType::f64).data<double>(), steps.data<double>()))
    call.unsupported(cat("a whole number that ", to_string(call.dtype()), ", the type of the model, does not hold"));
  call.out(mul(Var(stored), broadcast_to(spread(call, call.x(1), shape), shape, call.where()), call.where()));
}

Interval limits_of(Call& call, ElementType type) {
  switch (type) {
    case ElementType::i8:
      return {-128.0, 127.0};
    case ElementType::u8:
      return {0.0, 255.0};
    case ElementType::i16:
      return {-32768.0, 32767.0};
    case ElementType::u16:
      return {0.0, 65535.0};
    default:
      call.unsupported(cat("numbers quantised to ", to_string(type)));
  }
}

void quantize_linear(Call& call) {
  require_constant(call);
  const Shape& shape = call.value(0).var.shape();
  const auto attribute = static_cast<ElementType>(call.i("output_dtype", 0));
  const ElementType type = call.has(2)                           ? call.value(2).type
                           : attribute != ElementType::undefined ? attribute
                                                                 : ElementType::u8;
  const Interval fits = limits_of(call, type);
  const Tensor scale = broadcast_to(spread(call, Var(call.constant(1, "scale").to(DType::f64)), shape), shape).value();
  const Tensor zero =
      call.has(2) ? broadcast_to(spread(call, Var(call.constant(2, "zero point").to(DType::f64)), shape), shape).value()
                  : Tensor::zeros(shape, DType::f64);
  const Range x = call.enclosed(0, "operand");
  Tensor y = Tensor::uninitialised(shape, DType::f64);
  for (Index i = 0; i < shape.size(); ++i) {
    const double s = scale.at(i);
    if (!(s > 0.0)) call.fail("its scale must be positive");
    const auto step = [&](double quotient) {
      return std::clamp(std::nearbyint(quotient) + zero.at(i), fits.lo, fits.hi);
    };
    // Programs divide in the type of the model, which may round to the other side of a step.
    const double rounded =
        call.dtype() == DType::f32
            ? static_cast<double>(static_cast<float>(call.value(0).var.value().at(i)) / static_cast<float>(s))
            : call.value(0).var.value().at(i) / s;
    const double lo = step(div_down(x.at(i).lo, s)), hi = step(div_up(x.at(i).hi, s));
    if (lo != hi || step(rounded) != lo)
      call.unsupported("a number that lies between two steps by less than it is known");
    y.mutable_data<double>()[static_cast<std::size_t>(i)] = lo;
  }
  call.whole(0, y, type);
}

constexpr Operator quantised_table[] = {
    {"DequantizeLinear", Kind::computes, 10, dequantize_linear, "mul", "constants only"},
    {"QuantizeLinear", Kind::computes, 10, quantize_linear, "—", "constants only"},
};

}  // namespace

std::span<const Operator> quantised_operators() { return quantised_table; }

}  // namespace taut::nn::onnx
