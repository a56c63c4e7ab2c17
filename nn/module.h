// Modules: plain C++ values that map a Var to a Var. Anything callable is one, a lambda included; what it holds is
// found when it has a member `void visit(Visitor&)`.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "autodiff/linear_map.h"
#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// x is a batch: axis 0 counts the samples, (n, features) or (n, c, h, w).
template <class M>
concept Module = std::is_class_v<M> && requires(M& module, const Var& x) {
  { module(x) } -> std::convertible_to<Var>;
};

// Whether a module can work on images in Layout::chwn, batch innermost, in which convolutions compute.
enum class LayoutUse : std::uint8_t {
  nchw_only,    // it must be given what users write
  indifferent,  // it works in either as well, as what acts on every entry alone
  profits,      // either layout; chwn spares it transpositions
};

class AnyModule;
class Visitor;

// A module may say what it is called in tables: static constexpr std::string_view type_name = "Linear";
template <class M>
constexpr std::string_view type_name_of() {
  if constexpr (requires {
                  { M::type_name } -> std::convertible_to<std::string_view>;
                })
    return M::type_name;
  else
    return "module";
}

// The type_name of a module that is a function.
template <auto f>
inline constexpr std::string_view module_name = "module";

// A module that can work in either layout has, beside operator(), `Var run(const Var& x, Layout) ` and
// `LayoutUse layout_use() const`.
template <class M>
concept LayoutAware = Module<M> && requires(M& module, const M& same, const Var& x, Layout layout) {
  { module.run(x, layout) } -> std::convertible_to<Var>;
  { same.layout_use() } -> std::same_as<LayoutUse>;
};

template <class M>
concept Visitable = requires(M& module, Visitor& visitor) {
  module.visit(visitor);
};

// A module that stands for a plainer one has `vanilla() const`, which returns that; so do containers, whose modules
// may.
template <class M>
concept HasVanilla = Module<M> && requires(const M& same) {
  { same.vanilla() } -> std::convertible_to<AnyModule>;
};

// Walks through what modules hold. A module shows its members by name:
//   void visit(Visitor& v) { v("first", first_layer); v("scale", scale); }
class Visitor {
 public:
  template <class Member>
  requires Module<Member> || std::same_as<Member, Parameter>
  void operator()(std::string_view name, Member& member) {
    const std::size_t length = path_.size();
    if (length > 0) path_ += '.';
    path_ += name;
    if constexpr (std::same_as<Member, Parameter>) {
      if (member.defined()) parameter(path_, member);
    } else if constexpr (std::same_as<Member, AnyModule>) {
      enter(path_, member);
      member.visit(*this);
      leave(path_, member);
    } else if constexpr (Visitable<Member>) {
      member.visit(*this);
    }
    path_.resize(length);
  }
  // Of a module that behaves differently in training.
  virtual void training_flag(bool& /*training*/) {}
  // Of a module whose random draws are a function of its seed and of how often it drew before.
  virtual void draw_count(std::int64_t& /*count*/) {}

 protected:
  ~Visitor() = default;
  virtual void parameter(const std::string& path, Parameter& parameter) = 0;
  // Before and behind what a module of erased type shows.
  virtual void enter(const std::string& /*path*/, AnyModule& /*module*/) {}
  virtual void leave(const std::string& /*path*/, AnyModule& /*module*/) {}

 private:
  std::string path_;
};

namespace detail {

// What is known of a module whose type has been erased.
struct ModuleTable {
  const std::type_info& type;
  std::string_view name;
  Var (*run)(void* module, const Var& x, Layout layout);
  LayoutUse (*layout_use)(const void* module);
  void (*visit)(void* module, Visitor& visitor);
};
struct OwnerTable {
  void (*vanilla)(const void* module, AnyModule& into);
  void* (*clone)(const void* module);
  void (*destroy)(void* module) noexcept;
};

template <Module M>
inline constexpr ModuleTable module_table{
    typeid(M),
    type_name_of<M>(),
    [](void* module, const Var& x, [[maybe_unused]] Layout layout) -> Var {
      if constexpr (LayoutAware<M>)
        return static_cast<M*>(module)->run(x, layout);
      else
        return (*static_cast<M*>(module))(x);
    },
    []([[maybe_unused]] const void* module) {
      if constexpr (LayoutAware<M>)
        return static_cast<const M*>(module)->layout_use();
      else
        return LayoutUse::nchw_only;
    },
    []([[maybe_unused]] void* module, [[maybe_unused]] Visitor& visitor) {
      if constexpr (Visitable<M>) static_cast<M*>(module)->visit(visitor);
    },
};
template <Module M>
inline constexpr OwnerTable owner_table{
    []([[maybe_unused]] const void* module, [[maybe_unused]] AnyModule& into) {
      if constexpr (HasVanilla<M>) into = static_cast<const M*>(module)->vanilla();
    },
    [](const void* module) -> void* { return new M(*static_cast<const M*>(module)); },
    [](void* module) noexcept { delete static_cast<M*>(module); },
};

}  // namespace detail

// A module of any type, held by value. Copying copies the module.
class AnyModule {
 public:
  template <Module M>
  requires(!std::same_as<M, AnyModule>)
      AnyModule(M module)  // NOLINT(google-explicit-constructor): a module is a module
      : table_(&detail::module_table<M>), owner_(&detail::owner_table<M>), module_(new M(std::move(module))) {}
  AnyModule(const AnyModule& other)
      : table_(other.table_), owner_(other.owner_), module_(other.owner_->clone(other.module_)) {}
  AnyModule(AnyModule&& other) noexcept
      : table_(other.table_), owner_(other.owner_), module_(std::exchange(other.module_, nullptr)) {}
  AnyModule& operator=(AnyModule other) noexcept {
    std::swap(table_, other.table_);
    std::swap(owner_, other.owner_);
    std::swap(module_, other.module_);
    return *this;
  }
  ~AnyModule() {
    if (module_ != nullptr) owner_->destroy(module_);
  }

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) { return table_->run(module_, x, layout); }
  LayoutUse layout_use() const { return table_->layout_use(module_); }
  void visit(Visitor& visitor) { table_->visit(module_, visitor); }
  std::string_view type_name() const { return table_->name; }
  // The module's vanilla(), or a copy where it has none.
  AnyModule vanilla() const {
    AnyModule plain(*this);
    owner_->vanilla(module_, plain);
    return plain;
  }

  // The module as what it is. UsageError when it is something else.
  template <Module M>
  M& as() {
    if (table_->type != typeid(M)) throw_other_type(typeid(M));
    return *static_cast<M*>(module_);
  }

 private:
  [[noreturn]] void throw_other_type(const std::type_info& wanted) const;

  const detail::ModuleTable* table_;
  const detail::OwnerTable* owner_;
  void* module_;
};

// Somebody else's module, for the length of a call.
class ModuleRef {
 public:
  template <Module M>
  requires(!std::same_as<M, ModuleRef>) ModuleRef(M& module)
      : table_(&detail::module_table<M>), module_(&module) {}  // NOLINT(google-explicit-constructor)

  Var operator()(const Var& x) const { return table_->run(module_, x, Layout::nchw); }
  void visit(Visitor& visitor) const { table_->visit(module_, visitor); }
  std::string_view type_name() const { return table_->name; }

 private:
  const detail::ModuleTable* table_;
  void* module_;
};

// Every parameter of a module, those not trained included, each once, in the order of visit().
// Pointers stay valid while the module lives and is not moved.
std::vector<Parameter*> parameters(ModuleRef module);
// Sets Parameter::name to the dotted path below `module`; containers do this for what they take in.
void name_parameters(ModuleRef module);
// How many numbers are trained, or there are at all.
enum class Counted : std::uint8_t { trained, all };
Index parameter_count(ModuleRef module, Counted counted = Counted::trained);

// The counts of draws of all modules that have one (Visitor::draw_count), each once, in the order of visit().
std::vector<std::int64_t*> draw_counts(ModuleRef module);

// Switches batch norms and their like between training and inference (which they start in).
void set_training(ModuleRef module, bool training);

// Where modules keep whether they are in training. Valid while the module lives and is not moved.
std::vector<bool*> training_flags(ModuleRef module);

// Inference for as long as it lives; what was in training before is again afterwards.
class InferenceScope {
 public:
  explicit InferenceScope(ModuleRef module);
  ~InferenceScope();
  InferenceScope(const InferenceScope&) = delete;
  InferenceScope& operator=(const InferenceScope&) = delete;

 private:
  std::vector<bool*> were_training_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
