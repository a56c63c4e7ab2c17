#include "autodiff/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <ostream>

#include "autodiff/error.h"
#include "autodiff/kernels/widen.h"
#include "autodiff/memory.h"

namespace taut {

const char* to_string(DType dtype) { return dtype == DType::f32 ? "f32" : "f64"; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << to_string(dtype); }

namespace {
// The numbers start behind the header, on the next multiple of 64 bytes.
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
}  // namespace

Tensor Tensor::uninitialised(const Shape& shape, DType dtype) {
  constexpr std::size_t offset = aligned(sizeof(Header));
  const auto count = static_cast<std::size_t>(shape.size());
  if (count > (std::numeric_limits<std::size_t>::max() / 2 - offset) / byte_size(dtype)) throw std::bad_alloc();
  const std::size_t bytes = offset + count * byte_size(dtype);
  void* const block = memory::allocate(bytes);
  Tensor tensor;
  tensor.header_ = new (block) Header{{1}, dtype, shape, static_cast<char*>(block) + offset, nullptr, bytes};
  return tensor;
}

Tensor Tensor::full(const Shape& shape, DType dtype, double value) {
  Tensor tensor = uninitialised(shape, dtype);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::ranges::fill(tensor.mutable_data<T>(), static_cast<T>(value));
  });
  return tensor;
}

Tensor Tensor::copy_of(const Shape& shape, DType dtype, const void* values, std::size_t count) {
  if (static_cast<Index>(count) != shape.size())
    throw ShapeError(cat("[tensor] shape ", shape, " holds ", shape.size(), " numbers, got ", count));
  Tensor tensor = uninitialised(shape, dtype);
  if (count > 0) std::memcpy(tensor.header_->data, values, count * byte_size(dtype));
  return tensor;
}

void Tensor::destroy(Header* header) noexcept {
  Header* const base = header->base;
  memory::deallocate(header, header->allocated);
  if (base != nullptr && base->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(base);
}

void Tensor::throw_undefined() {
  throw UsageError("[tensor] an undefined tensor was used; give it a value first, e.g. Tensor::zeros(shape, dtype)");
}

void Tensor::throw_dtype(DType wanted) const {
  throw DTypeError(
      cat("[tensor] holds ", dtype(), " but was read as ", wanted, "; convert with to(DType::", wanted, ")"));
}

double Tensor::at(Index flat) const {
  if (flat < 0 || flat >= size()) throw ShapeError(cat("[tensor] position ", flat, " is outside of shape ", shape()));
  return dtype() == DType::f32 ? static_cast<double>(data<float>()[static_cast<std::size_t>(flat)])
                               : data<double>()[static_cast<std::size_t>(flat)];
}

double Tensor::item() const {
  if (size() != 1) throw ShapeError(cat("[item] needs exactly one element, got shape ", shape(), "; reduce it first"));
  return at(0);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.size() != size())
    throw ShapeError(cat("[reshape] ", this->shape(), " has ", size(), " elements, ", shape, " has ", shape.size()));
  if (shape == this->shape()) return *this;
  Header* const base = header_->base != nullptr ? header_->base : header_;
  void* const block = memory::allocate(sizeof(Header));
  Tensor view;
  view.header_ = new (block) Header{{1}, dtype(), shape, header_->data, base, sizeof(Header)};
  base->refs.fetch_add(1, std::memory_order_relaxed);
  return view;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Tensor result = uninitialised(shape(), dtype);
  if (dtype == DType::f64) {
    kernels::widen(data<float>().data(), size(), result.mutable_data<double>().data());
  } else {
    std::ranges::transform(data<double>(), result.mutable_data<float>().begin(),
                           [](double x) { return static_cast<float>(x); });
  }
  return result;
}

Tensor Tensor::copy() const { return copy_of(shape(), dtype(), raw(), static_cast<std::size_t>(size())); }

bool Tensor::unique() const {
  const Header& h = header();
  return h.refs.load(std::memory_order_acquire) == 1 &&
         (h.base == nullptr || h.base->refs.load(std::memory_order_acquire) == 1);
}

void Tensor::unshare() {
  if (!unique()) *this = copy();
}

Index Tensor::first_non_finite() const {
  return dispatch(dtype(), [&](auto zero) -> Index {
    using T = decltype(zero);
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    // The exponent bits of what is not finite are all set; one unit more carries into the sign bit.
    constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
    constexpr Bits unit = exponent & (~exponent + 1);
    constexpr Bits sign = Bits{1} << (8 * sizeof(T) - 1);
    const auto values = data<T>();
    // Blocks in one vectorisable pass, then a search in the bad one.
    constexpr std::size_t block = 1024;
    for (std::size_t start = 0; start < values.size(); start += block) {
      const std::size_t end = std::min(values.size(), start + block);
      Bits carried = 0;
      for (std::size_t i = start; i < end; ++i) carried |= (std::bit_cast<Bits>(values[i]) & exponent) + unit;
      if ((carried & sign) == 0) continue;
      for (std::size_t i = start; i < end; ++i)
        if (!std::isfinite(values[i])) return static_cast<Index>(i);
    }
    return -1;
  });
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "undefined tensor";
  out << tensor.dtype() << ' ' << tensor.shape() << " [";
  constexpr Index shown = 8;
  for (Index i = 0; i < std::min(tensor.size(), shown); ++i) out << (i ? ", " : "") << tensor.at(i);
  return out << (tensor.size() > shown ? ", ...]" : "]");
}

}  // namespace taut
