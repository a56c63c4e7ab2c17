#include "tools/primitives_table/primitive_row.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <functional>
#include <regex>
#include <sstream>

#include "autodiff/error.h"
#include "harness/checks/rule_case.h"
#include "tools/primitives_table/rule_text.h"

namespace taut::test {
namespace {

using harness::Inputs;
using harness::Sample;

constexpr Index largest_sample = 64;
constexpr int largest_rank = 4;
// Rules of numbers show several of them: slopes depend on parameters, gains and multiplicities on shapes.
constexpr std::size_t most_parameters = 6, most_shapes = 2;

// Shortest text that reads back as x.
std::string shortest(double x) {
  std::array<char, 32> text{};
  const std::string magnitude(text.data(), std::to_chars(text.data(), text.data() + text.size(), std::fabs(x)).ptr);
  return (x < 0 ? "−" : "") + magnitude;
}

std::string interval_text(const Interval& interval) {
  return '[' + shortest(interval.lo) + ", " + shortest(interval.hi) + ']';
}

// Ones, or what comes nearest in an operand's domain: rules may depend on operands that do not vary.
Inputs ones(const Sample& sample) {
  Inputs values;
  for (const harness::Operand& operand : sample.operands)
    values.push_back(Tensor::full(operand.shape, DType::f64, std::clamp(1.0, operand.domain.lo, operand.domain.hi)));
  return values;
}

// The box of a sample: the domain of every operand.
std::string box_text(const Sample& sample) {
  std::vector<Interval> domains;
  for (const harness::Operand& operand : sample.operands)
    if (std::ranges::find(domains, operand.domain) == domains.end()) domains.push_back(operand.domain);
  std::string text;
  for (const Interval& domain : domains) text += (text.empty() ? "" : ", ") + interval_text(domain);
  return text;
}

std::vector<Range> box_of(const Sample& sample, const Inputs& base, std::uint32_t varying) {
  std::vector<Range> ranges;
  for (std::size_t k = 0; k < base.size(); ++k) {
    // Operands of the primitive that the sample does not list were made by its user function.
    const Interval domain = k < sample.operands.size() ? sample.operands[k].domain : Interval{-2.0, 2.0};
    const bool varies = (varying >> k & 1U) != 0;
    ranges.push_back(varies ? Range::box(base[k].shape(), domain) : Range::point(base[k]));
  }
  return ranges;
}

struct Evaluated {
  std::uint32_t varying;
  Rule rule;
  std::string text;
};

std::string set_text(std::uint32_t varying) {
  std::string text;
  for (int k = 0; k < 32; ++k)
    if ((varying >> k & 1U) != 0) text += (text.empty() ? "" : ", ") + std::to_string(k + 1);
  return '{' + text + '}';
}

bool is_subset(const Evaluated& part, const Evaluated& whole) {
  return part.varying != whole.varying && (part.varying & whole.varying) == part.varying;
}

// What is said of a set of varying operands is left out where it follows from its subsets: the maps of an affine rule
// are those of its operands alone, a bilinear rule of two stays one with more, and the same text holds for a subset.
bool follows(const Evaluated& e, const std::vector<Evaluated>& all) {
  if (std::popcount(e.varying) < 2) return false;
  if (std::holds_alternative<rule::Affine>(e.rule)) return true;
  return std::ranges::any_of(all, [&](const Evaluated& other) {
    const bool both_bilinear =
        std::holds_alternative<rule::Bilinear>(e.rule) && std::holds_alternative<rule::Bilinear>(other.rule);
    return is_subset(other, e) && (other.text == e.text || both_bilinear);
  });
}

// One line per distinct text, led by the sets of operands that it holds for.
std::string lines_of(const std::vector<Evaluated>& all) {
  if (std::ranges::all_of(all, [&](const Evaluated& e) { return e.text == all.front().text; })) return all.front().text;
  std::vector<std::pair<std::string, std::string>> lines;  // text, sets
  for (const Evaluated& e : all) {
    if (follows(e, all)) continue;
    const auto same = std::ranges::find(lines, e.text, &std::pair<std::string, std::string>::first);
    if (same == lines.end())
      lines.emplace_back(e.text, set_text(e.varying));
    else
      same->second += " or " + set_text(e.varying);
  }
  std::string text;
  for (const auto& [line, sets] : lines) text += (text.empty() ? "" : "\n") + sets + ' ' + line;
  return text;
}

std::vector<Evaluated> evaluate(const Sample& sample, const harness::Recording& recording, bool on_box) {
  const Inputs base = recording.operands();
  std::vector<Evaluated> all;
  std::vector<std::uint32_t> sets = harness::varying_sets(base.size());
  std::ranges::stable_sort(sets, {}, [](std::uint32_t set) { return std::popcount(set); });
  for (const std::uint32_t varying : sets) {
    const harness::RuleCase c{sample, recording.op(), base, varying,
                              on_box ? box_of(sample, base, varying) : std::vector<Range>{}};
    const Rule rule = c.rule();
    all.push_back({varying, rule, text_of(rule)});
  }
  return all;
}

// Small, and when `strict` without axes of length 1 in which a rule degenerates.
bool representative(const Sample& sample, bool strict) {
  Index size = 0;
  for (const harness::Operand& operand : sample.operands) {
    const Shape& shape = operand.shape;
    size += shape.size();
    if (shape.size() == 0 || shape.rank() > largest_rank) return false;
    for (int axis = 1; strict && axis < shape.rank(); ++axis)
      if (shape[axis] == 1) return false;
  }
  return sample.rules && size <= largest_sample && size > static_cast<Index>(sample.operands.size());
}

// "slope 0.125000 (2, 3)" as "slope 0.125".
std::string parameters_of(const std::string& name) {
  const std::size_t shape = name.rfind(" (");
  const std::string text = name.ends_with(')') && shape != std::string::npos ? name.substr(0, shape) : name;
  return std::regex_replace(std::regex_replace(text, std::regex(R"((\.[0-9]*?)0+(?![0-9]))"), "$1"),
                            std::regex(R"(\.(?![0-9]))"), "");
}

std::vector<Sample> representatives(const std::vector<Sample>& samples) {
  std::vector<Sample> chosen;
  for (const bool strict : {true, false}) {
    std::ranges::copy_if(samples, std::back_inserter(chosen),
                         [strict](const Sample& sample) { return representative(sample, strict); });
    if (!chosen.empty()) break;
  }
  // Optional operands are shown.
  std::ranges::stable_sort(chosen, std::ranges::greater(), [](const Sample& s) { return s.operands.size(); });
  return chosen;
}

const std::string same_text = "the same";

// The lines of `text` that `known` does not hold.
std::string news(const std::string& text, const std::string& known) {
  std::string kept;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (('\n' + known + '\n').find('\n' + line + '\n') == std::string::npos) kept += (kept.empty() ? "" : "\n") + line;
  return kept;
}

struct Line {
  std::string label;
  RuleCells cells;
};

}  // namespace

RuleCells rule_cells(std::string_view op, const std::vector<Sample>& samples) {
  std::vector<Line> lines;
  for (const Sample& sample : representatives(samples)) {
    const harness::Recording recording(sample, ones(sample));
    const std::vector<Evaluated> reals = evaluate(sample, recording, false);
    const bool slopes = std::holds_alternative<rule::Elementwise>(reals.front().rule);
    const bool gains = std::holds_alternative<rule::Bounded>(reals.front().rule) ||
                       std::holds_alternative<rule::Selects>(reals.front().rule);
    if (lines.size() == (slopes ? most_parameters : gains ? most_shapes : 1)) break;
    RuleCells cells{lines_of(reals), ""};
    const std::string on_box = news(lines_of(evaluate(sample, recording, true)), cells.over_reals);
    cells.on_box = on_box.empty() ? same_text : box_text(sample) + ": " + on_box;
    const auto equal = [&](const Line& line) {
      return line.cells.over_reals == cells.over_reals && line.cells.on_box == cells.on_box;
    };
    if (std::ranges::any_of(lines, equal)) continue;
    lines.push_back({slopes ? parameters_of(sample.name) : sample.name, std::move(cells)});
  }
  if (lines.empty()) throw UsageError(cat("[primitives_table] no small sample of ", op, " shows its rule"));
  if (lines.size() == 1) return lines.front().cells;
  const bool same = std::ranges::all_of(lines, [](const Line& line) { return line.cells.on_box == same_text; });
  RuleCells cells{"", same ? same_text : ""};
  for (const Line& line : lines) {
    const char* const next = cells.over_reals.empty() ? "" : "\n";
    cells.over_reals += next + line.label + ": " + line.cells.over_reals;
    if (!same) cells.on_box += next + line.label + ": " + line.cells.on_box;
  }
  return cells;
}

}  // namespace taut::test
