#include "nn/onnx/import/operators.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "autodiff/error.h"
#include "nn/onnx/import/patterns.h"
#include "nn/onnx/model.h"

namespace taut::nn::onnx {
namespace {

std::vector<Operator> listed() {
  std::vector<Operator> list;
  for (const auto& part :
       {elementwise_operators(), linear_operators(), reduction_operators(), moving_operators(), image_operators(),
        resizing_operators(), whole_number_operators(), indexed_operators(), quantised_operators(),
        recurrent_operators(), transformer_operators(), microsoft_operators()})
    list.insert(list.end(), part.begin(), part.end());
  std::ranges::sort(list, {}, &Operator::op);
  return list;
}
const std::vector<Operator>& all_operators() {
  static const std::vector<Operator> list = listed();
  return list;
}

const Operator* find_in(std::span<const Operator> list, std::string_view op) {
  const auto found = std::ranges::find(list, op, &Operator::op);
  return found != list.end() ? &*found : nullptr;
}

// The number of letters to put in, leave out or replace, case aside.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (lower(a[i]) == lower(b[j]) ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view op) {
  if (domain == recognised_domain) return find_in(recognised_operators(), op);
  return find_in(all_operators(), domain.empty() ? std::string(op) : cat(domain, '.', op));
}

std::string_view nearest_operator(std::string_view op) {
  // What is better than a similar name.
  static const std::map<std::string_view, std::string_view> instead{
      {"Hardmax", "Softmax"},  {"MaxUnpool", "MaxPool"},    {"Tan", "Tanh"},        {"QLinearConv", "Conv"},
      {"ConvInteger", "Conv"}, {"QLinearMatMul", "MatMul"}, {"DeformConv", "Conv"}, {"MaxRoiPool", "MaxPool"}};
  if (const auto found = instead.find(op); found != instead.end()) return found->second;
  if (op.size() > 80) return "";
  std::string_view best;
  std::size_t least = op.size() / 2 + 1;
  for (const Operator& candidate : all_operators())
    if (const std::size_t d = distance(op, candidate.op); d < least) best = candidate.op, least = d;
  return best;
}

std::vector<OperatorRow> operators() {
  std::vector<OperatorRow> rows;
  for (const Operator& op : all_operators()) rows.push_back({op.op, op.becomes, op.remarks});
  return rows;
}

}  // namespace taut::nn::onnx
