#include "nn/summary.h"

#include <algorithm>
#include <ostream>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

// What a module was given and gave in the net.
struct Seen {
  Tensor input;
  std::optional<Shape> output;
};

// Stands in for a module and notes what passes.
struct Probe {
  AnyModule inner;
  Seen* seen;

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) {
    const Var y = inner.run(x, layout);
    if (!seen->output) *seen = {x.value(), y.shape()};
    return y;
  }
  LayoutUse layout_use() const { return inner.layout_use(); }
  void visit(Visitor& visitor) { inner.visit(visitor); }
};

// Puts a probe in the place of every module of erased type, from the inside outwards, for as long as it lives.
class Probes final : public Visitor {
 public:
  struct Entry {
    std::string path;
    AnyModule* module;
    std::unique_ptr<Seen> seen;
  };

  Probes() = default;
  ~Probes() {
    for (auto p = wrapped_.rbegin(); p != wrapped_.rend(); ++p) **p = AnyModule(std::move((*p)->as<Probe>().inner));
  }
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  std::vector<Entry> take() { return std::move(entries_); }

 private:
  void parameter(const std::string&, Parameter&) override {}
  void enter(const std::string& path, AnyModule& module) override {
    open_.push_back(entries_.size());
    entries_.push_back({path, &module, std::make_unique<Seen>()});
  }
  void leave(const std::string&, AnyModule& module) override {
    wrapped_.reserve(wrapped_.size() + 1);
    module = AnyModule(Probe{std::move(module), entries_[open_.back()].seen.get()});
    wrapped_.push_back(&module);
    open_.pop_back();
  }

  std::vector<Entry> entries_;
  std::vector<std::size_t> open_;
  std::vector<AnyModule*> wrapped_;
};

SummaryRow row_of(std::string path, ModuleRef module, std::optional<Shape> output) {
  SummaryRow row{std::move(path), module.type_name(), std::move(output), parameter_count(module), 0, {}, ""};
  row.untrained = parameter_count(module, Counted::all) - row.parameters;
  return row;
}

void bound(SummaryRow& row, ModuleRef module, const Tensor& input, const AutoLipOptions& options) {
  try {
    const AutoLipReport report = autolip([=](const Var& x) { return module(x); }, input, options);
    row.lipschitz = report.bound;
    row.note = report.note;
  } catch (const UnsupportedError& error) {
    row.note = cat("unsupported: ", error.what());
  } catch (const DomainError& error) {
    row.note = cat("undefined: ", error.what());
  }
}

using Line = std::vector<std::string>;

Line line_of(const SummaryRow& row, const std::string& name) {
  std::string numbers = std::to_string(row.parameters);
  if (row.untrained > 0) numbers += " + " + std::to_string(row.untrained);
  std::string lipschitz = row.note;
  if (row.lipschitz && (row.lipschitz->value() < infinity || lipschitz.empty()))
    lipschitz = format_directed(row.lipschitz->magnitude(), Side::upper) + ' ' + to_string(row.lipschitz->rigour());
  return {name, std::string(row.type), row.output ? row.output->str() : "not used", std::move(numbers),
          std::move(lipschitz)};
}

// Characters, not bytes: notes may be UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Summary summary(ModuleRef net, const Tensor& sample, const AutoLipOptions& options) {
  if (sample.shape().rank() >= 2 && sample.shape()[0] != 1)
    throw UsageError(cat("[summary] needs one sample, with a first axis of size 1, got ", sample.shape(),
                         "; take one with slice()"));
  const InferenceScope inference(net);
  std::optional<Shape> output;
  std::vector<Probes::Entry> entries;
  {
    Probes probes;
    net.visit(probes);
    output = net(Var(sample)).shape();
    entries = probes.take();
  }
  Summary result{{}, row_of("", net, std::move(output)), options.question.norm};
  bound(result.net, net, sample, options);
  for (const Probes::Entry& entry : entries) {
    SummaryRow row = row_of(entry.path, *entry.module, entry.seen->output);
    row.type = entry.module->type_name();
    if (row.output) bound(row, *entry.module, entry.seen->input, options);
    result.modules.push_back(std::move(row));
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) {
  std::vector<Line> lines{{"module", "type", "output", "parameters", cat("L <= (", summary.norm, ')')}};
  for (const SummaryRow& row : summary.modules) {
    const auto depth = static_cast<std::size_t>(std::ranges::count(row.path, '.'));
    lines.push_back(line_of(row, std::string(2 * depth, ' ') + row.path));
  }
  lines.push_back(line_of(summary.net, "net"));
  std::vector<std::size_t> widths(lines.front().size());
  for (const Line& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width(line[c]));
  for (const Line& line : lines) {
    std::string text;
    for (std::size_t c = 0; c < line.size(); ++c) text += line[c] + std::string(widths[c] - width(line[c]) + 2, ' ');
    out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  }
  return out;
}

}  // namespace taut::nn
