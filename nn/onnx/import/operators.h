// The table of operators that can be imported. Internal to nn/onnx.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "nn/onnx/import/call.h"

namespace taut::nn::onnx {

// What an operator does with its numbers decides what may be computed beforehand.
enum class Kind : std::uint8_t {
  computes,  // arithmetic, which rounds: constants computed by it are enclosed by analyses, so it is recorded
  moves,     // each output is an operand's number or a constant: exact in any dtype, and for whole numbers as well
  shapes,    // looks at the shape of its operand only, never varies
};

struct Operator {
  std::string_view op;
  Kind kind;
  int since;  // the first opset whose definition is understood
  void (*import)(Call& call);
  std::string_view becomes;  // primitives or functions of ops.h
  std::string_view remarks = "";
  int target_shape = -1;  // the operand that is the shape of the result, if there is one
};

// One list per source file.
std::span<const Operator> elementwise_operators();
std::span<const Operator> linear_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> moving_operators();
std::span<const Operator> image_operators();
std::span<const Operator> resizing_operators();
std::span<const Operator> whole_number_operators();
std::span<const Operator> indexed_operators();
std::span<const Operator> quantised_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> transformer_operators();
std::span<const Operator> microsoft_operators();   // of the domain com.microsoft, in their names
std::span<const Operator> recognised_operators();  // of the domain of patterns.h

const Operator* find_operator(std::string_view domain, std::string_view op);
// An importable op whose name is like this one, or "".
std::string_view nearest_operator(std::string_view op);

}  // namespace taut::nn::onnx
