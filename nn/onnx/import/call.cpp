#include "nn/onnx/import/call.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/graph.h"

namespace taut::nn::onnx {

Call::Call(const Context& context, const GraphNode& node, int opset, Where where, std::vector<const Value*> operands,
           std::span<const char> varies)
    : context_(context),
      node_(node),
      opset_(opset),
      where_(where),
      operands_(std::move(operands)),
      varies_(varies),
      outputs_(node.outputs.size()),
      enclosed_(operands_.size()) {}

std::string Call::title() const {
  const std::string& name = !node_.name.empty() ? node_.name : node_.outputs.empty() ? node_.op : node_.outputs.front();
  return cat(*context_.file, ", node ", where_.line, " '", name.substr(0, 80), "' (", node_.op, ')');
}
void Call::fail(const std::string& what) const { throw ShapeError(cat(title(), ": ", what)); }
void Call::unsupported(const std::string& what) const { throw UnsupportedError(cat(title(), ": ", what)); }

bool Call::wants(int output) const {
  return output < output_count() && !node_.outputs[static_cast<std::size_t>(output)].empty();
}

const Value& Call::value(int i) const {
  if (!has(i)) fail(cat("operand ", i + 1, " is missing"));
  return *operands_[static_cast<std::size_t>(i)];
}

const Var& Call::x(int i) const {
  const Value& v = value(i);
  if (!onnx::is_float(v.type))
    unsupported(cat("operand ", i + 1, " holds ", to_string(v.type), "; floating-point numbers were expected"));
  return v.var;
}

const Tensor& Call::given(int i, const char* what) const {
  if (varies(i)) unsupported(cat("its ", what, " depends on the input of the model; only constants are supported"));
  return value(i).var.value();
}

const Tensor& Call::constant(int i, const char* what) const {
  const Tensor& t = given(i, what);
  if (!exact(i)) inexact(i, what);
  return t;
}

bool Call::computed(int i) const {
  if (!has(i) || varies(i) || !onnx::is_float(value(i).type) || !value(i).var.on_tape()) return false;
  return Tape::of(value(i).var)->node(value(i).var.id()).op != nullptr;
}

// What arithmetic has computed without rounding is what its enclosure says.
bool Call::exact(int i) const {
  if (!computed(i)) return true;
  const Range range = enclosed_constant(value(i).var);
  const Tensor wide = value(i).var.value().to(DType::f64);
  return std::ranges::equal(range.lo.data<double>(), wide.data<double>()) &&
         std::ranges::equal(range.hi.data<double>(), wide.data<double>());
}

void Call::inexact(int i, const char* what) const {
  unsupported(cat("its ", what, " (operand ", i + 1,
                  ") is computed within the file by arithmetic that rounds, so that the number it stands for is known "
                  "by an interval only; store it as a constant (fold constants before the export)"));
}

Range Call::enclosed(int i, const char* what) const {
  const Tensor& t = given(i, what);
  enclosed_[static_cast<std::size_t>(i)] = 1;
  return computed(i) ? enclosed_constant(value(i).var) : Range::point(t);
}

Interval Call::enclosed_scalar(int i, const char* what) const {
  const Range range = enclosed(i, what);
  if (range.lo.size() != 1) fail(cat("its ", what, " must be one number, but has the shape ", range.shape()));
  return range.at(0);
}

void Call::require_enclosed(const Tape& tape, std::size_t first, std::span<const Value> outputs) const {
  for (int i = 0; i < count(); ++i) {
    if (!computed(i) || enclosed_[static_cast<std::size_t>(i)] != 0) continue;
    const NodeId id = value(i).var.id();
    const auto same = [&](const Value& output) { return output.var.on_tape() && output.var.id() == id; };
    bool recorded = std::ranges::any_of(outputs, same);
    for (std::size_t node = first; node < tape.size() && !recorded; ++node) {
      const auto operands = tape.node(static_cast<NodeId>(node)).operands();
      recorded = std::ranges::find(operands, id) != operands.end();
    }
    if (!recorded && !exact(i)) inexact(i, "value");
  }
}

double Call::scalar(int i, const char* what) const {
  const Tensor& t = constant(i, what);
  if (t.size() != 1) fail(cat("its ", what, " must be one number, but has the shape ", t.shape()));
  return t.at(0);
}

namespace {
// Bounds of slices lie as far out as the type allows, where f64 has rounded them.
Index nearest_whole(double x) {
  constexpr double limit = 0x1p62;
  return x >= limit ? Index{1} << 62 : x <= -limit ? -(Index{1} << 62) : static_cast<Index>(x);
}
}  // namespace

std::vector<Index> Call::whole_numbers(int i, const char* what) const {
  const Tensor& t = constant(i, what);
  if (t.shape().rank() > 1) fail(cat("its ", what, " must be a list of whole numbers, but has the shape ", t.shape()));
  std::vector<Index> numbers;
  for (Index k = 0; k < t.size(); ++k) {
    const double x = t.at(k);
    if (!(x == std::floor(x))) fail(cat("its ", what, " must be whole numbers, but there is ", x));
    numbers.push_back(nearest_whole(x));
  }
  return numbers;
}

const Attribute* Call::attribute(std::string_view name) const {
  const auto found = node_.attributes.find(std::string(name));
  return found != node_.attributes.end() ? &found->second : nullptr;
}

template <class T>
const T* Call::typed(std::string_view name, const char* kind) const {
  const Attribute* a = attribute(name);
  if (a == nullptr) return nullptr;
  const T* value = std::get_if<T>(a);
  if (value == nullptr) fail(cat("its attribute ", name, " must be ", kind));
  return value;
}

Index Call::i(std::string_view name, Index otherwise) const {
  const auto* value = typed<std::int64_t>(name, "a whole number");
  return value != nullptr ? *value : otherwise;
}
double Call::f(std::string_view name, double otherwise) const {
  const auto* value = typed<float>(name, "a number");
  return value != nullptr ? static_cast<double>(*value) : otherwise;
}
std::string Call::s(std::string_view name, const std::string& otherwise) const {
  const auto* value = typed<std::string>(name, "a text");
  return value != nullptr ? *value : otherwise;
}
std::optional<std::vector<Index>> Call::is(std::string_view name) const {
  const auto* value = typed<std::vector<std::int64_t>>(name, "a list of whole numbers");
  if (value == nullptr) return std::nullopt;
  return std::vector<Index>(value->begin(), value->end());
}
std::optional<std::vector<double>> Call::fs(std::string_view name) const {
  const auto* value = typed<std::vector<float>>(name, "a list of numbers");
  if (value == nullptr) return std::nullopt;
  return std::vector<double>(value->begin(), value->end());
}
const Array* Call::tensor(std::string_view name) const { return typed<Array>(name, "a tensor"); }

int Call::axis(Index given, int rank) const {
  if (given < -rank || given >= rank) fail(cat("its axis ", given, " does not exist in ", rank, " dimensions"));
  return static_cast<int>(given < 0 ? given + rank : given);
}

std::optional<std::vector<Index>> Call::is_or_operand(std::string_view name, int operand) const {
  if (has(operand)) return whole_numbers(operand, std::string(name).c_str());
  return is(name);
}

void Call::out(int k, Var y) {
  ElementType type = context_.dtype == DType::f64 ? ElementType::f64 : ElementType::f32;
  for (const Value* v : operands_)
    if (v != nullptr && onnx::is_float(v->type)) {
      type = v->type;
      break;
    }
  out(k, Value{std::move(y), type});
}
void Call::out(int k, Value value) {
  if (k < output_count()) outputs_[static_cast<std::size_t>(k)] = std::move(value);
}

namespace {
constexpr double most_counted = 0x1p53;
// The least and the largest number of a type, as far as f64 counts them.
Interval limits(ElementType type) {
  switch (type) {
    case ElementType::boolean:
      return {0.0, 1.0};
    case ElementType::i8:
      return {-0x1p7, 0x1p7 - 1.0};
    case ElementType::u8:
      return {0.0, 0x1p8 - 1.0};
    case ElementType::i16:
      return {-0x1p15, 0x1p15 - 1.0};
    case ElementType::u16:
      return {0.0, 0x1p16 - 1.0};
    case ElementType::i32:
      return {-0x1p31, 0x1p31 - 1.0};
    case ElementType::u32:
      return {0.0, 0x1p32 - 1.0};
    case ElementType::u64:
      return {0.0, most_counted};
    default:
      return {-most_counted, most_counted};
  }
}
}  // namespace

void Call::require_counted() const {
  for (const Value* v : operands_) {
    if (v == nullptr || onnx::is_float(v->type)) continue;
    const Tensor& t = v->var.value();
    for (Index i = 0; i < t.size(); ++i)
      if (std::fabs(t.at(i)) >= most_counted)
        unsupported(cat("it computes with the whole number ", t.at(i), "; those beyond 2^53 are not counted exactly"));
  }
}

void Call::whole(int k, Tensor f64, ElementType type) {
  require_counted();
  const Interval fits = limits(type);
  for (Index i = 0; i < f64.size(); ++i)
    if (!fits.contains(f64.at(i)))
      unsupported(cat("its result ", f64.at(i), " does not fit ", to_string(type), ", where machines wrap around"));
  out(k, Value{Var(std::move(f64)), type});
}

void Call::require_moderate(double count) const {
  constexpr double most = 1 << 26;
  if (!(count <= most * static_cast<double>(context_.batch)))
    unsupported(cat("its result would have ", count, " numbers; more than ", most, " in one value are not supported"));
}

}  // namespace taut::nn::onnx
