#include "nn/parameters.h"

#include <algorithm>
#include <numeric>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

class NameVisitor final : public Visitor {
 public:
  explicit NameVisitor(std::vector<NamedParameter>& all) : all_(all) {}

 private:
  void parameter(const std::string& path, Parameter& p) override {
    const auto same = [&](const NamedParameter& known) { return known.parameter == &p; };
    if (std::ranges::none_of(all_, same)) all_.push_back({path, &p});
  }
  std::vector<NamedParameter>& all_;
};

// Levenshtein's distance: the least number of inserted, deleted and replaced characters.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

// The five most similar paths, the most similar first.
std::string nearest(const std::vector<NamedParameter>& all, std::string_view wanted) {
  if (all.empty()) return "it has no parameters";
  std::vector<std::string> paths;
  for (const NamedParameter& p : all) paths.push_back(p.path);
  std::ranges::stable_sort(paths, {}, [=](const std::string& path) { return distance(path, wanted); });
  paths.resize(std::min<std::size_t>(paths.size(), 5));
  std::string text = "the nearest of " + std::to_string(all.size()) + " are ";
  for (std::size_t i = 0; i < paths.size(); ++i) text += (i > 0 ? ", \"" : "\"") + paths[i] + '"';
  return text;
}

// Whether `pattern` is all of `path`, or its beginning up to a dot; * matches any characters, dots too.
bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty() || path[0] == '.';
  if (pattern[0] == '*') {
    for (std::size_t skipped = 0; skipped <= path.size(); ++skipped)
      if (matches(pattern.substr(1), path.substr(skipped))) return true;
    return false;
  }
  return !path.empty() && pattern[0] == path[0] && matches(pattern.substr(1), path.substr(1));
}

Index set_trained(const char* op, ModuleRef module, std::string_view pattern, bool trained) {
  const std::vector<NamedParameter> all = named_parameters(module);
  Index count = 0;
  for (const NamedParameter& p : all) {
    if (!matches(pattern, p.path)) continue;
    p.parameter->trained = trained && p.parameter->trainable();
    ++count;
  }
  if (count == 0)
    throw UsageError(cat('[', op, "] a pattern must name at least one parameter, \"", pattern,
                         "\" names none of the module's; ", nearest(all, pattern)));
  return count;
}

}  // namespace

std::vector<NamedParameter> named_parameters(ModuleRef module) {
  std::vector<NamedParameter> all;
  NameVisitor visitor(all);
  module.visit(visitor);
  return all;
}

Parameter& parameter(ModuleRef module, std::string_view path) {
  const std::vector<NamedParameter> all = named_parameters(module);
  const auto found = std::ranges::find(all, path, &NamedParameter::path);
  if (found == all.end())
    throw UsageError(cat("[parameter] the module must have a parameter \"", path, "\"; ", nearest(all, path)));
  return *found->parameter;
}

Index freeze(ModuleRef module, std::string_view pattern) { return set_trained("freeze", module, pattern, false); }
Index unfreeze(ModuleRef module, std::string_view pattern) { return set_trained("unfreeze", module, pattern, true); }

}  // namespace taut::nn
