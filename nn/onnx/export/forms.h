// The table of ONNX forms: how each primitive is written. Internal to nn/onnx.
//
// A form is one operator, or several that the importer takes for the primitive again.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "nn/onnx/export/writer.h"

namespace taut::nn::onnx {

struct Form {
  const OpInfo* op;
  std::string_view nodes;  // the operators, for documents
  // Writes the node; the name of its value.
  std::string (*write)(Site& site);
};
std::span<const Form> forms();
const Form* form_of(const OpInfo& op);  // null: there is none

namespace form {

// By the operator that the table names, on the operands as they are; on operands that it broadcasts itself.
std::string plain(Site& site);
std::string broadcasting(Site& site);

// forms_elementwise.cpp
std::string square(Site& site);
std::string leaky_relu(Site& site);
std::string step(Site& site);
std::string scale(Site& site);
std::string shift(Site& site);
std::string pow(Site& site);
std::string rsqrt(Site& site);
std::string log1p(Site& site);
std::string expm1(Site& site);
std::string prelu(Site& site);
std::string choice(Site& site);
// forms_activations.cpp
std::string elu(Site& site);
std::string selu(Site& site);
std::string celu(Site& site);
std::string gelu(Site& site);
std::string gelu_tanh(Site& site);
std::string silu(Site& site);
std::string mish(Site& site);
std::string clip(Site& site);
std::string hard_sigmoid(Site& site);
std::string hard_swish(Site& site);
// forms_reduce.cpp
std::string sum(Site& site);
std::string reduction(Site& site);  // by the operator that the table names, its axes an attribute
std::string softmax(Site& site);
std::string l2_norm(Site& site);
std::string standardise(Site& site);
std::string l2_normalise(Site& site);
std::string l2_attention(Site& site);
// forms_product.cpp
std::string matmul(Site& site);
std::string dense(Site& site);
std::string matrix_along(Site& site);
std::string cumsum(Site& site);
std::string channel_affine(Site& site);
// forms_move.cpp
std::string reshape(Site& site);
std::string permute(Site& site);
std::string broadcast_to(Site& site);
std::string sum_to(Site& site);
std::string slice(Site& site);
std::string slice_gradient(Site& site);
std::string pad(Site& site);
std::string concat(Site& site);
std::string gather(Site& site);
std::string scatter(Site& site);
std::string group_sort(Site& site);
// forms_image.cpp
std::string conv2d(Site& site);
std::string conv_transpose2d(Site& site);
std::string conv2d_weight_gradient(Site& site);
std::string max_pool2d(Site& site);
std::string avg_pool2d(Site& site);
std::string avg_pool2d_gradient(Site& site);
// forms_convex.cpp
std::string convex_step(Site& site);

}  // namespace form
}  // namespace taut::nn::onnx
