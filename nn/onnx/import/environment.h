// The values of one run of a program. Internal to nn/onnx.
#pragma once

#include <unordered_map>
#include <utility>

#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {

// The values of one run.
class Program::Env {
 public:
  Env(const Program& program, Tape* tape) : Env(program, tape, program.dtype()) {}
  // In another dtype than the program's. Constants that were computed are then those of the program's dtype, rounded,
  // unless they are set.
  Env(const Program& program, Tape* tape, DType dtype) : program_(program), tape_(tape), dtype_(dtype) {}

  Tape* tape() const { return tape_; }
  // On a tape, numbers that no node computes become leaves, so that the rounding of what is made of them is seen.
  void set(int id, Value value) {
    if (is_float(value.type) && value.var.defined() && !value.var.on_tape()) value.var = leaf(id, value.var.value());
    values_[id] = std::move(value);
  }
  bool has(int id) const { return values_.contains(id); }
  // On a tape, constants become leaves when they are first asked for.
  const Value& at(int id) {
    Value& value = values_[id];
    if (value.var.defined()) return value;
    if (const Value* const known = program_.constant(id)) value = *known;
    if (!value.var.defined() || !is_float(value.type)) return value;
    if (dtype_ != program_.dtype()) value.var = Var(value.var.value().to(dtype_));
    value.var = leaf(id, value.var.value());
    return value;
  }

 private:
  Var leaf(int id, const Tensor& numbers) const {
    if (tape_ == nullptr) return Var(numbers);
    const std::string& name = program_.names_[static_cast<std::size_t>(id)];
    return tape_->constant(numbers, name, Where{program_.context_.file->c_str(), 0, "constant", name.c_str()});
  }

  const Program& program_;
  Tape* tape_;
  DType dtype_;
  std::unordered_map<int, Value> values_;  // a step alone has few
};

}  // namespace taut::nn::onnx
