// Modules made of modules.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// One module after the other. Parameters are named by position: "0.weight", "2.bias".
//
// Images are written (n, c, h, w) by users. Runs of modules that work in either layout compute in (c, h, w, n) when the
// batch has more than one sample, with one transposition before and one behind the run.
class Sequential {
 public:
  static constexpr std::string_view type_name = "Sequential";
  Sequential() = default;
  // Braces evaluate from left to right, so that layers draw their weights in the order in which they are written.
  Sequential(std::initializer_list<AnyModule> modules, Where where = Where::current());

  void add(AnyModule module);
  std::size_t size() const { return modules_.size(); }
  AnyModule& operator[](std::size_t i) { return modules_.at(i); }

  Var operator()(const Var& x);
  // All modules in one layout; for layout_use() other than nchw_only.
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const;
  void visit(Visitor& visitor);
  Sequential vanilla() const;  // of the modules' own, as in nn/vanilla.h

 private:
  std::vector<AnyModule> modules_;
  Where where_;
};

// y = body(x) + shortcut(x); without a shortcut, body(x) + x.
class Residual {
 public:
  static constexpr std::string_view type_name = "Residual";
  explicit Residual(AnyModule body, Where where = Where::current());
  Residual(AnyModule body, AnyModule shortcut, Where where = Where::current());

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const;
  void visit(Visitor& visitor);
  Residual vanilla() const;

 private:
  AnyModule body_;
  std::optional<AnyModule> shortcut_;
  Where where_;
};

// Branches that all see x.
class Branches {
 public:
  LayoutUse layout_use() const;
  void visit(Visitor& visitor);
  std::size_t size() const { return modules_.size(); }
  AnyModule& operator[](std::size_t i) { return modules_.at(i); }

 protected:
  Branches(const char* name, std::initializer_list<AnyModule> modules, Where where);
  void make_vanilla();  // every branch, in place
  std::vector<AnyModule> modules_;
  Where where_;
};

// Their outputs side by side along an axis, that of channels unless told otherwise; not axis 0, which counts samples.
class Concat : public Branches {
 public:
  static constexpr std::string_view type_name = "Concat";
  Concat(std::initializer_list<AnyModule> modules, Index axis = 1, Where where = Where::current());

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  Concat vanilla() const;

 private:
  Index axis_;
  std::vector<Var> outputs_;  // of one call; kept for its memory
};

// The sum of their outputs, which have one shape.
class Add : public Branches {
 public:
  static constexpr std::string_view type_name = "Add";
  Add(std::initializer_list<AnyModule> modules, Where where = Where::current()) : Branches("add", modules, where) {
    name_parameters(*this);
  }

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  Add vanilla() const;
};

}  // namespace taut::nn

#pragma GCC visibility pop
