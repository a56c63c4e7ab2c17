// einsum: permutations, reshapes and one product of matrices, batch by batch.
#include <algorithm>
#include <numeric>
#include <string>

#include "autodiff/define.h"

namespace taut {
namespace {

bool has(const std::string& names, char name) { return names.find(name) != std::string::npos; }

struct Spec {
  std::vector<std::string> operands;
  std::string out;
};

[[noreturn]] void refuse(std::string_view spec, const std::string& why) {
  throw ShapeError(cat("[einsum] \"", spec, "\": ", why, "; write e.g. \"nij,jk->nik\""));
}
[[noreturn]] void unsupported(std::string_view spec, const char* what, const char* repair) {
  throw UnsupportedError(cat("[einsum] \"", spec, "\": ", what, " cannot be computed here; ", repair));
}

// One letter per axis, none twice.
std::string names_of(std::string_view spec, std::string_view part, bool output) {
  std::string names;
  for (const char c : part) {
    if (c == ' ') continue;
    if (c == '.') unsupported(spec, "an ellipsis", "name every axis");
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')) refuse(spec, cat("an index is one letter, got '", c, '\''));
    if (has(names, c) && output) refuse(spec, cat("index '", c, "' appears twice in the output"));
    if (has(names, c)) unsupported(spec, "an index that appears twice in one operand", "take the diagonal with gather");
    names += c;
  }
  return names;
}

Spec parse(std::string_view spec, std::size_t operands) {
  const std::size_t arrow = spec.find("->");
  if (arrow == std::string_view::npos) unsupported(spec, "an implicit output", "name the output's axes after ->");
  Spec parsed;
  for (std::string_view left = spec.substr(0, arrow);;) {
    const std::size_t comma = left.find(',');
    parsed.operands.push_back(names_of(spec, left.substr(0, comma), false));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  parsed.out = names_of(spec, spec.substr(arrow + 2), true);
  if (parsed.operands.size() != operands)
    refuse(spec, cat(parsed.operands.size(), " operand(s) are named, ", operands, " given"));
  if (parsed.out.size() > static_cast<std::size_t>(max_rank))
    refuse(spec, cat("a result has at most ", max_rank, " axes, ", parsed.out.size(), " are named"));
  const std::string all = std::accumulate(parsed.operands.begin(), parsed.operands.end(), std::string());
  for (const char c : parsed.out)
    if (!has(all, c)) refuse(spec, cat("index '", c, "' of the output is in no operand"));
  return parsed;
}

// An operand whose axes have names.
struct Named {
  Var var;
  std::string names;

  Index size(char name) const { return var.shape()[static_cast<int>(names.find(name))]; }
  Index size(const std::string& several) const {
    return std::accumulate(several.begin(), several.end(), Index{1},
                           [&](Index n, char name) { return n * size(name); });
  }
};

Named named(std::string_view spec, const Var& x, const std::string& names) {
  if (x.shape().rank() != static_cast<int>(names.size()))
    refuse(spec, cat("\"", names, "\" names ", names.size(), " axes, the operand has shape ", x.shape()));
  return {x, names};
}

Named ordered(const Named& x, const std::string& names, Where where) {
  if (x.names == names) return x;
  std::vector<int> order;
  for (const char c : names) order.push_back(static_cast<int>(x.names.find(c)));
  return {permute(x.var, order, where), names};
}

Var shaped(const Var& x, const Shape& shape, Where where) { return x.shape() == shape ? x : reshape(x, shape, where); }

Shape sizes(const Named& a, const Named& b, const std::string& names) {
  std::vector<Index> dims;
  for (const char c : names) dims.push_back(has(a.names, c) ? a.size(c) : b.size(c));
  return Shape(dims);
}

std::string those(const std::string& names, auto&& keep) {
  std::string kept;
  std::ranges::copy_if(names, std::back_inserter(kept), keep);
  return kept;
}

// Sums over the axes that `wanted` does not have; they are moved to the end and taken at once.
Named summed(const Named& x, const std::string& wanted, Where where) {
  const std::string kept = those(x.names, [&](char c) { return has(wanted, c); });
  const std::string gone = those(x.names, [&](char c) { return !has(wanted, c); });
  if (gone.empty()) return x;
  const Var last = ordered(x, kept + gone, where).var;
  const Shape shape = sizes(x, x, kept);
  return {sum(shaped(last, shape.inserted(shape.rank(), x.size(gone)), where), {-1}, false, where), kept};
}

}  // namespace

Var einsum(std::string_view spec, const Var& a, Where where) {
  return primitives::checked(a, "einsum", where, [&] {
    const Spec parsed = parse(spec, 1);
    return ordered(summed(named(spec, a, parsed.operands[0]), parsed.out, where), parsed.out, where).var;
  });
}

Var einsum(std::string_view spec, const Var& a, const Var& b, Where where) {
  primitives::given(b, "einsum", where);
  return primitives::checked(a, "einsum", where, [&] {
    const Spec parsed = parse(spec, 2);
    const std::string& out = parsed.out;
    Named left = named(spec, a, parsed.operands[0]), right = named(spec, b, parsed.operands[1]);
    for (const char c : left.names)
      if (has(right.names, c) && left.size(c) != right.size(c))
        refuse(spec, cat("index '", c, "' has ", left.size(c), " and ", right.size(c), " positions in ", a.shape(),
                         " and ", b.shape()));
    const Tensor* const tensors[] = {&a.value(), &b.value()};
    primitives::require_same_dtype(Operands(tensors), "einsum");
    left = summed(left, out + right.names, where);
    right = summed(right, out + left.names, where);
    const std::string batch = those(left.names, [&](char c) { return has(right.names, c) && has(out, c); });
    const std::string inner = those(left.names, [&](char c) { return has(right.names, c) && !has(out, c); });
    const std::string rows = those(left.names, [&](char c) { return !has(right.names, c); });
    const std::string columns = those(right.names, [&](char c) { return !has(left.names, c); });
    if (rows.empty() && columns.empty() && !batch.empty()) {  // entry by entry; products of 1 × 1 matrices are slow
      const Named right_in_order = ordered(right, left.names, where);
      return ordered(summed({mul(left.var, right_in_order.var, where), left.names}, out, where), out, where).var;
    }
    const Index count = left.size(batch), k = left.size(inner), m = left.size(rows), n = right.size(columns);
    const bool batched = !batch.empty();
    const Var first =
        shaped(ordered(left, batch + rows + inner, where).var, batched ? Shape{count, m, k} : Shape{m, k}, where);
    const Var second =
        shaped(ordered(right, batch + inner + columns, where).var, batched ? Shape{count, k, n} : Shape{k, n}, where);
    const std::string order = batch + rows + columns;
    const Var product = shaped(matmul(first, second, false, false, where), sizes(left, right, order), where);
    return ordered({product, order}, out, where).var;
  });
}

}  // namespace taut
