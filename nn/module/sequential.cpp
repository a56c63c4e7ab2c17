#include "nn/sequential.h"

#include <string>

#include "autodiff/error.h"
#include "autodiff/ops.h"

namespace taut::nn {
namespace {

// Of two modules that must agree on a layout.
LayoutUse both(LayoutUse a, LayoutUse b) {
  if (a == LayoutUse::nchw_only || b == LayoutUse::nchw_only) return LayoutUse::nchw_only;
  return a == LayoutUse::profits || b == LayoutUse::profits ? LayoutUse::profits : LayoutUse::indifferent;
}

}  // namespace

Sequential::Sequential(std::initializer_list<AnyModule> modules, Where where) : modules_(modules), where_(where) {
  name_parameters(*this);
}

void Sequential::add(AnyModule module) {
  modules_.push_back(std::move(module));
  name_parameters(*this);
}

Var Sequential::operator()(const Var& x) {
  Var y = x;
  for (std::size_t i = 0; i < modules_.size();) {
    // The longest run from here that can do without nchw.
    std::size_t end = i;
    LayoutUse use = LayoutUse::indifferent;
    while (end < modules_.size() && modules_[end].layout_use() != LayoutUse::nchw_only)
      use = both(use, modules_[end++].layout_use());
    const bool innermost_batch = use == LayoutUse::profits && y.shape().rank() == 4 && y.shape()[0] > 1;
    if (innermost_batch) {
      y = permute(y, {1, 2, 3, 0}, where_);
      for (; i < end; ++i) y = modules_[i].run(y, Layout::chwn);
      y = permute(y, {3, 0, 1, 2}, where_);
    } else {
      for (end = std::max(end, i + 1); i < end; ++i) y = modules_[i](y);
    }
  }
  return y;
}

Var Sequential::run(const Var& x, Layout layout) {
  if (layout == Layout::nchw) return (*this)(x);
  Var y = x;
  for (AnyModule& module : modules_) y = module.run(y, layout);
  return y;
}

LayoutUse Sequential::layout_use() const {
  LayoutUse use = LayoutUse::indifferent;
  for (const AnyModule& module : modules_) use = both(use, module.layout_use());
  return use;
}

void Sequential::visit(Visitor& visitor) {
  for (std::size_t i = 0; i < modules_.size(); ++i) visitor(std::to_string(i), modules_[i]);
}

Sequential Sequential::vanilla() const {
  Sequential plain = *this;
  for (AnyModule& module : plain.modules_) module = module.vanilla();
  name_parameters(plain);
  return plain;
}

Residual::Residual(AnyModule body, Where where) : body_(std::move(body)), where_(where) { name_parameters(*this); }

Residual::Residual(AnyModule body, AnyModule shortcut, Where where)
    : body_(std::move(body)), shortcut_(std::move(shortcut)), where_(where) {
  name_parameters(*this);
}

Var Residual::run(const Var& x, Layout layout) {
  const Var skipped = shortcut_ ? shortcut_->run(x, layout) : x;
  return taut::add(body_.run(x, layout), skipped, where_);
}

LayoutUse Residual::layout_use() const {
  return shortcut_ ? both(body_.layout_use(), shortcut_->layout_use()) : body_.layout_use();
}

void Residual::visit(Visitor& visitor) {
  visitor("body", body_);
  if (shortcut_) visitor("shortcut", *shortcut_);
}

Residual Residual::vanilla() const {
  return shortcut_ ? Residual(body_.vanilla(), shortcut_->vanilla(), where_) : Residual(body_.vanilla(), where_);
}

Branches::Branches(const char* name, std::initializer_list<AnyModule> modules, Where where)
    : modules_(modules), where_(where) {
  if (modules_.empty()) throw UsageError(cat('[', name, "] at ", where, ": needs at least one module, got none"));
}

LayoutUse Branches::layout_use() const {
  LayoutUse use = LayoutUse::indifferent;
  for (const AnyModule& module : modules_) use = both(use, module.layout_use());
  return use;
}

void Branches::visit(Visitor& visitor) {
  for (std::size_t i = 0; i < modules_.size(); ++i) visitor(std::to_string(i), modules_[i]);
}

Concat::Concat(std::initializer_list<AnyModule> modules, Index axis, Where where)
    : Branches("concat", modules, where), axis_(axis) {
  if (axis == 0)
    throw ShapeError(cat("[concat] at ", where, ": axis 0 counts the samples; join outputs along another one"));
  name_parameters(*this);
}

Var Concat::run(const Var& x, Layout layout) {
  outputs_.clear();
  for (AnyModule& module : modules_) outputs_.push_back(module.run(x, layout));
  const Index rank = outputs_[0].shape().rank(), axis = axis_ < 0 ? axis_ + rank : axis_;
  if (axis < 1 || axis >= rank)
    throw ShapeError(cat("[concat] at ", where_, ": outputs of rank ", rank, " are joined along an axis from 1 to ",
                         rank - 1, ", got ", axis_, "; axis 0 counts the samples"));
  // Axis a of (n, c, h, w) is axis a − 1 of (c, h, w, n).
  const Var joined = taut::concat(outputs_, layout == Layout::nchw ? axis : axis - 1, where_);
  outputs_.clear();
  return joined;
}

Var Add::run(const Var& x, Layout layout) {
  Var total = modules_[0].run(x, layout);
  for (std::size_t i = 1; i < modules_.size(); ++i) {
    const Var term = modules_[i].run(x, layout);
    if (term.shape() != total.shape())
      throw ShapeError(cat("[add] at ", where_, ": outputs of all branches must have one shape, got ", total.shape(),
                           " of branch 0 and ", term.shape(), " of branch ", i));
    total = taut::add(total, term, where_);
  }
  return total;
}

void Branches::make_vanilla() {
  for (AnyModule& module : modules_) module = module.vanilla();
}

Concat Concat::vanilla() const {
  Concat plain = *this;
  plain.make_vanilla();
  name_parameters(plain);
  return plain;
}

Add Add::vanilla() const {
  Add plain = *this;
  plain.make_vanilla();
  name_parameters(plain);
  return plain;
}

}  // namespace taut::nn
