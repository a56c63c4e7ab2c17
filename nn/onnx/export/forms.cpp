#include "nn/onnx/export/forms.h"

#include <algorithm>
#include <array>

#include "nn/convex_step.h"
#include "nn/onnx/export.h"

namespace taut::nn::onnx {
namespace {

template <class P>
Form row(std::string_view nodes, std::string (*write)(Site&)) {
  return {&describe<P>(), nodes, write};
}

// One line per primitive that has a form.
const auto table = std::to_array<Form>({
    row<Neg>("Neg", &form::plain),
    row<Exp>("Exp", &form::plain),
    row<Log>("Log", &form::plain),
    row<Sqrt>("Sqrt", &form::plain),
    row<Square>("Pow", &form::square),
    row<Abs>("Abs", &form::plain),
    row<Sin>("Sin", &form::plain),
    row<Cos>("Cos", &form::plain),
    row<Tanh>("Tanh", &form::plain),
    row<Sigmoid>("Sigmoid", &form::plain),
    row<Softplus>("Softplus", &form::plain),
    row<Relu>("Relu", &form::plain),
    row<LeakyRelu>("LeakyRelu", &form::leaky_relu),
    row<Step>("Sign, Relu", &form::step),
    row<Sign>("Sign", &form::plain),
    row<Scale>("Mul", &form::scale),
    row<Shift>("Add", &form::shift),
    row<Pow>("Pow", &form::pow),
    row<Reciprocal>("Reciprocal", &form::plain),
    row<Rsqrt>("Sqrt, Reciprocal", &form::rsqrt),
    row<Log1p>("Add, Log", &form::log1p),
    row<Expm1>("Exp, Sub", &form::expm1),
    row<Erf>("Erf", &form::plain),
    row<Elu>("Elu", &form::elu),
    row<Selu>("Selu", &form::selu),
    row<Celu>("Celu", &form::celu),
    row<Gelu>("Div, Erf, Add, Mul", &form::gelu),
    row<GeluTanh>("Mul, Add, Tanh", &form::gelu_tanh),
    row<Silu>("Sigmoid, Mul", &form::silu),
    row<Mish>("Softplus, Tanh, Mul", &form::mish),
    row<Softsign>("Softsign", &form::plain),
    row<Clip>("Clip", &form::clip),
    row<HardSigmoid>("HardSigmoid", &form::hard_sigmoid),
    row<HardSwish>("Add, Clip, Mul, Div", &form::hard_swish),
    row<Add>("Add", &form::broadcasting),
    row<Sub>("Sub", &form::broadcasting),
    row<Mul>("Mul", &form::broadcasting),
    row<Div>("Div", &form::broadcasting),
    row<Maximum>("Max", &form::broadcasting),
    row<Minimum>("Min", &form::broadcasting),
    row<PRelu>("PRelu", &form::prelu),
    row<Choice>("Where", &form::choice),
    row<Sum>("ReduceSum", &form::sum),
    row<Max>("ReduceMax", &form::reduction),
    row<Min>("ReduceMin", &form::reduction),
    row<LogSumExp>("ReduceLogSumExp", &form::reduction),
    row<Softmax>("Softmax", &form::softmax),
    row<LogSoftmax>("LogSoftmax", &form::softmax),
    row<L2Norm>("ReduceL2", &form::l2_norm),
    row<Standardise>("ReduceMean, Sub, Pow, Add, Sqrt, Div", &form::standardise),
    row<L2Normalise>("ReduceL2, Max, Expand, Div", &form::l2_normalise),
    row<L2Attention>("MatMul, Mul, ReduceSum, Sub, Softmax", &form::l2_attention),
    row<MatMul>("MatMul, Gemm", &form::matmul),
    row<Dense>("Gemm", &form::dense),
    row<Reshape>("Reshape", &form::reshape),
    row<Permute>("Transpose", &form::permute),
    row<BroadcastTo>("Expand", &form::broadcast_to),
    row<SumTo>("ReduceSum", &form::sum_to),
    row<Slice>("Slice", &form::slice),
    row<SliceGradient>("Unsqueeze, Pad, Reshape, Slice", &form::slice_gradient),
    row<Pad>("Pad", &form::pad),
    row<Concat>("Concat", &form::concat),
    row<Gather>("Gather", &form::gather),
    row<Scatter>("Gather, ReduceSum", &form::scatter),
    row<MatrixAlong>("Gemm", &form::matrix_along),
    row<CumulativeSum>("CumSum", &form::cumsum),
    row<GroupSort>("TopK", &form::group_sort),
    row<Conv2d>("Conv", &form::conv2d),
    row<ConvTranspose2d>("ConvTranspose", &form::conv_transpose2d),
    row<Conv2dWeightGradient>("Conv", &form::conv2d_weight_gradient),
    row<MaxPool2d>("MaxPool", &form::max_pool2d),
    row<AvgPool2d>("AveragePool", &form::avg_pool2d),
    row<AvgPool2dGradient>("ConvTranspose", &form::avg_pool2d_gradient),
    row<ChannelAffine>("BatchNormalization, Mul, Add", &form::channel_affine),
    Form{&ConvexStep::static_info, "MatMul, Conv, Add, Relu, ConvTranspose, Sub", &form::convex_step},
});

}  // namespace

std::span<const Form> forms() { return table; }

// Descriptions are compared by where they lie, so that a user's op of the same name is not taken for Taut's.
const Form* form_of(const OpInfo& op) {
  const auto* const found = std::ranges::find(table, &op, &Form::op);
  return found == table.end() ? nullptr : &*found;
}

std::string_view onnx_form(const OpInfo& op) {
  const Form* const found = form_of(op);
  return found != nullptr ? found->nodes : std::string_view();
}

namespace form {

std::string plain(Site& site) {
  std::vector<std::string> operands;
  for (int i = 0; i < site.count(); ++i) operands.push_back(site.in(i));
  return site.emit(std::string(site.nodes()), std::move(operands));
}

std::string broadcasting(Site& site) { return site.emit(std::string(site.nodes()), site.broadcast_operands()); }

}  // namespace form
}  // namespace taut::nn::onnx
