#include "nn/module.h"

#include <algorithm>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

template <class OnParameter>
class ParameterVisitor final : public Visitor {
 public:
  explicit ParameterVisitor(OnParameter action) : action_(std::move(action)) {}

 private:
  void parameter(const std::string& path, Parameter& p) override { action_(path, p); }
  OnParameter action_;
};

template <class OnFlag>
class FlagVisitor final : public Visitor {
 public:
  explicit FlagVisitor(OnFlag action) : action_(std::move(action)) {}
  void training_flag(bool& training) override { action_(training); }

 private:
  void parameter(const std::string&, Parameter&) override {}
  OnFlag action_;
};

class CountVisitor final : public Visitor {
 public:
  void draw_count(std::int64_t& count) override {
    if (std::ranges::find(all, &count) == all.end()) all.push_back(&count);
  }
  std::vector<std::int64_t*> all;

 private:
  void parameter(const std::string&, Parameter&) override {}
};

}  // namespace

void AnyModule::throw_other_type(const std::type_info& wanted) const {
  throw UsageError(cat("[module] holds a ", table_->type.name(), " but was asked for as a ", wanted.name(),
                       " (names as the compiler spells them); ask for the type that was put in"));
}

std::vector<Parameter*> parameters(ModuleRef module) {
  std::vector<Parameter*> all;
  ParameterVisitor visitor([&](const std::string&, Parameter& p) {
    if (std::ranges::find(all, &p) == all.end()) all.push_back(&p);
  });
  module.visit(visitor);
  return all;
}

void name_parameters(ModuleRef module) {
  ParameterVisitor visitor([](const std::string& path, Parameter& p) { p.name = path; });
  module.visit(visitor);
}

Index parameter_count(ModuleRef module, Counted counted) {
  Index count = 0;
  for (const Parameter* p : parameters(module))
    if (p->trained || counted == Counted::all) count += p->value.size();
  return count;
}

std::vector<std::int64_t*> draw_counts(ModuleRef module) {
  CountVisitor visitor;
  module.visit(visitor);
  return visitor.all;
}

void set_training(ModuleRef module, bool training) {
  FlagVisitor visitor([=](bool& flag) { flag = training; });
  module.visit(visitor);
}

std::vector<bool*> training_flags(ModuleRef module) {
  std::vector<bool*> flags;
  FlagVisitor visitor([&](bool& flag) { flags.push_back(&flag); });
  module.visit(visitor);
  return flags;
}

InferenceScope::InferenceScope(ModuleRef module) : were_training_(training_flags(module)) {
  std::erase_if(were_training_, [](const bool* flag) { return !*flag; });
  for (bool* const flag : were_training_) *flag = false;
}

InferenceScope::~InferenceScope() {
  for (bool* const flag : were_training_) *flag = true;
}

}  // namespace taut::nn
