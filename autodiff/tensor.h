// Tensor: contiguous row-major numbers with a shape and a run-time dtype. A small handle on shared storage.
#pragma once

#include <atomic>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "autodiff/config.h"
#include "autodiff/shape.h"

#pragma GCC visibility push(default)

namespace taut {

enum class DType : std::uint8_t { f32, f64 };

const char* to_string(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);
constexpr std::size_t byte_size(DType dtype) { return dtype == DType::f32 ? 4 : 8; }

template <class T>
concept Scalar = std::is_same_v<T, float> || std::is_same_v<T, double>;
template <Scalar T>
inline constexpr DType dtype_of = std::is_same_v<T, float> ? DType::f32 : DType::f64;

// Calls f with a value of the C++ type of `dtype`: dispatch(x.dtype(), [&](auto zero) { using T = decltype(zero); ...
// }).
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  if (dtype == DType::f32) return std::forward<F>(f)(float{});
  return std::forward<F>(f)(double{});
}

// What is known of a tensor before its numbers are.
struct TensorType {
  Shape shape;
  DType dtype = DType::f64;
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

// Copies share storage; storage is treated as immutable while it is shared. Writing goes through mutable_data(),
// which copies first when any other handle sees the same numbers. A default-made tensor is undefined.
class Tensor {
 public:
  Tensor() noexcept = default;
  Tensor(const Tensor& other) noexcept : header_(other.header_) { retain(); }
  Tensor(Tensor&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept {
    Tensor(other).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor(std::move(other)).swap(*this);
    return *this;
  }
  ~Tensor() { release(); }
  void swap(Tensor& other) noexcept { std::swap(header_, other.header_); }

  static Tensor uninitialised(const Shape& shape, DType dtype);
  static Tensor uninitialised(const TensorType& type) { return uninitialised(type.shape, type.dtype); }
  static Tensor full(const Shape& shape, DType dtype, double value);
  static Tensor zeros(const Shape& shape, DType dtype) { return full(shape, dtype, 0.0); }
  static Tensor scalar(double value, DType dtype = DType::f64) { return full(Shape{}, dtype, value); }
  // Throws ShapeError when the count of values is not the size of the shape.
  template <Scalar T>
  static Tensor from(const Shape& shape, std::span<const T> values) {
    return copy_of(shape, dtype_of<T>, values.data(), values.size());
  }
  template <Scalar T>
  static Tensor of(const Shape& shape, std::initializer_list<T> values) {
    return copy_of(shape, dtype_of<T>, values.begin(), values.size());
  }

  bool defined() const { return header_ != nullptr; }
  const Shape& shape() const { return header().shape; }
  DType dtype() const { return header().dtype; }
  TensorType type() const { return {shape(), dtype()}; }
  Index size() const { return header().shape.size(); }
  std::size_t bytes() const { return static_cast<std::size_t>(size()) * byte_size(dtype()); }

  // Read access. Throws DTypeError when T is not the tensor's type.
  template <Scalar T>
  std::span<const T> data() const {
    require_dtype(dtype_of<T>);
    return {static_cast<const T*>(header_->data), static_cast<std::size_t>(size())};
  }
  // Write access; copies the storage first if it is shared.
  template <Scalar T>
  std::span<T> mutable_data() {
    require_dtype(dtype_of<T>);
    unshare();
    return {static_cast<T*>(header_->data), static_cast<std::size_t>(size())};
  }
  const void* raw() const { return header().data; }

  double at(Index flat) const;  // element by row-major position, widened to double
  double item() const;          // the only element; ShapeError if there is not exactly one

  Tensor reshaped(const Shape& shape) const;  // shares storage; ShapeError if the sizes differ
  Tensor to(DType dtype) const;               // itself when nothing changes; f64 to f32 rounds to nearest
  Tensor copy() const;
  bool unique() const;  // no other handle sees this storage
  // Position of the first NaN or infinity, or -1.
  Index first_non_finite() const;

 private:
  struct Header {
    std::atomic<std::uint32_t> refs{1};
    DType dtype;
    Shape shape;
    void* data;
    Header* base;           // of a view: the owner of the storage
    std::size_t allocated;  // bytes asked from the pool, header included
  };

  static Tensor copy_of(const Shape& shape, DType dtype, const void* values, std::size_t count);
  const Header& header() const {
    if (header_ == nullptr) throw_undefined();
    return *header_;
  }
  [[noreturn]] static void throw_undefined();
  void require_dtype(DType dtype) const {
    if (header().dtype != dtype) throw_dtype(dtype);
  }
  [[noreturn]] void throw_dtype(DType wanted) const;
  void retain() const noexcept {
    if (header_ != nullptr) header_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept {
    if (header_ != nullptr && header_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(header_);
  }
  static void destroy(Header* header) noexcept;
  void unshare();

  Header* header_ = nullptr;
};

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);  // shape, dtype and the first numbers

}  // namespace taut

#pragma GCC visibility pop
