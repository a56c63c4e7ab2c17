#include "lipschitz/methods.h"

#include <array>

#include "autodiff/error.h"
#include "lipschitz/exact.h"
#include "lipschitz/multiplier/bound.h"
#include "lipschitz/sandwich/run.h"
#include "lipschitz/search.h"
#include "lipschitz/upper/seqlip.h"

namespace taut {
namespace {

using detail::SandwichRun;

// ---- one function per method

AutoLipOptions autolip_options(const SandwichRun& run) { return {run.options().question, run.share()}; }

// What steps, or sums over paths entry by entry, make better is a row of its own. Norms are known by now.
void beyond_products(SandwichRun& run, AutoLipOptions options, const UpperBound& products) {
  options.products_only = false;
  const AutoLipReport report = detail::autolip(run.network(options), options);
  constexpr double rounding = 1.0 - 1e-9;
  if (report.bound.value() < rounding * products.value())
    run.add_as("steps", report.bound, report.status, report.note, report.seconds);
}

template <AffineNorm affine_norm>
void product_of_norms(SandwichRun& run) {
  AutoLipOptions options = autolip_options(run);
  options.affine_norm = affine_norm;
  options.products_only = true;
  const AutoLipReport report = detail::autolip(run.network(options), options);
  run.add(report.bound, report.status, report.note, report.seconds);
  if (affine_norm == AffineNorm::spectral) beyond_products(run, options, report.bound);
}

template <SeqLipMethod method>
void seqlip_by(SandwichRun& run) {
  SeqLipOptions options{run.options().question, run.share(), method};
  options.products_only = true;
  if (run.options().seqlip_operations) options.operations = *run.options().seqlip_operations;
  const SeqLipReport report = detail::seqlip(run.network(autolip_options(run)), options);
  run.add(report.bound, report.status, report.note, report.seconds);
}

template <MultiplierMethod method>
void multiply(SandwichRun& run) {
  const MultiplierOptions options{run.options().question, run.share(), method};
  const MultiplierReport report = detail::multiplier_bound(run.network(autolip_options(run)), options);
  run.add(report.bound, report.status, report.note, report.seconds);
}

void exactly(SandwichRun& run) {
  const ExactResult result = exact_constant(run.recorded(), {run.options().question, run.share()});
  run.add(result.upper, result.status, cat(result.regions, " regions", result.note.empty() ? "" : "; ", result.note),
          result.seconds);
  run.add(result.lower, result.status, "", result.seconds, result.point);
}

template <class OptionsOfMethod>
OptionsOfMethod lower_options(const SandwichRun& run) {
  OptionsOfMethod options;
  options.question = run.options().question;
  options.budget = run.share();
  return options;
}

void ascend(SandwichRun& run) {
  auto options = lower_options<AscentOptions>(run);
  options.starts = run.options().data;
  if (const BoundRow* upper = run.best_upper()) options.enough = upper->value * (1.0 - 1e-9);
  run.add(ascent_lower_bound(run.function(), run.sample(), options));
}

void anneal(SandwichRun& run) {
  auto options = lower_options<AnnealingOptions>(run);
  options.starts = run.options().data;
  run.add(annealing_lower_bound(run.function(), run.sample(), options));
}

void cover_by_grid(SandwichRun& run) {
  auto options = lower_options<GridOptions>(run);
  const Range box = options.question.domain.range(run.sample().shape());
  if (!options.question.domain.is_ball()) options.question.domain = {};
  run.add(grid_lower_bound(run.function(), box, run.sample().dtype(), options));
}

void look_at_data(SandwichRun& run) {
  run.add(dataset_lower_bound(run.function(), run.options().data, lower_options<LowerOptions>(run)));
}

void look_at_pairs(SandwichRun& run) {
  run.add(pairs_lower_bound(run.function(), run.options().data, lower_options<PairsOptions>(run)));
}

// ---- the table

constexpr std::array table{
    MethodRow{.method = Method::frobenius,
              .name = "frobenius",
              .side = Side::upper,
              .sentence = "the product of layers' Frobenius norms",
              .run = product_of_norms<AffineNorm::frobenius>,
              .by_default = true,
              .l2_only = true},
    MethodRow{.method = Method::autolip,
              .name = "autolip",
              .side = Side::upper,
              .sentence = "operator norms and gains multiplied along the graph, sums where branches meet",
              .run = product_of_norms<AffineNorm::spectral>,
              .by_default = true},
    MethodRow{.method = Method::seqlip,
              .name = "seqlip",
              .side = Side::upper,
              .sentence = "as autolip, with every two neighbouring layers coupled through the activation between them",
              .run = seqlip_by<SeqLipMethod::certified>,
              .by_default = true,
              .l2_only = true},
    MethodRow{.method = Method::seqlip_exact,
              .name = "seqlip-exact",
              .side = Side::upper,
              .sentence = "seqlip with every coupled maximum found exactly, by branch and bound",
              .run = seqlip_by<SeqLipMethod::exact>,
              .l2_only = true},
    MethodRow{.method = Method::seqlip_greedy,
              .name = "seqlip-greedy",
              .side = Side::upper,
              .sentence = "seqlip by the paper's greedy search, an estimate",
              .run = seqlip_by<SeqLipMethod::greedy>,
              .l2_only = true},
    MethodRow{.method = Method::eclipse_fast,
              .name = "eclipse-fast",
              .side = Side::upper,
              .sentence = "whole-network multipliers in closed form, one number per layer",
              .run = multiply<MultiplierMethod::eclipse_fast>,
              .l2_only = true},
    MethodRow{.method = Method::multiplier,
              .name = "multiplier",
              .side = Side::upper,
              .sentence = "all layers coupled through multipliers of their activations, optimised and proved",
              .run = multiply<MultiplierMethod::optimised>,
              .by_default = true,
              .l2_only = true},
    MethodRow{.method = Method::ascent,
              .name = "ascent",
              .side = Side::lower,
              .sentence = "ascent on the Jacobian's norm from many starts",
              .run = ascend,
              .by_default = true},
    MethodRow{.method = Method::annealing,
              .name = "annealing",
              .side = Side::lower,
              .sentence = "simulated annealing on the Jacobian's norm",
              .run = anneal},
    MethodRow{.method = Method::grid,
              .name = "grid",
              .side = Side::lower,
              .sentence = "the Jacobian's norm on a grid over the box, refined where it is largest",
              .run = cover_by_grid,
              .needs_box = true,
              .most_inputs = 3},
    MethodRow{.method = Method::dataset,
              .name = "dataset",
              .side = Side::lower,
              .sentence = "the largest Jacobian norm over data",
              .run = look_at_data,
              .by_default = true,
              .needs_data = true},
    MethodRow{.method = Method::pairs,
              .name = "pairs",
              .side = Side::lower,
              .sentence = "difference quotients of pairs of data and of near pairs",
              .run = look_at_pairs,
              .needs_data = true},
    MethodRow{
        .method = Method::exact,
        .name = "exact",
        .side = Side::upper,
        .sentence = "the constant itself, from both sides, by all linear regions of an input of one or two numbers",
        .run = exactly,
        .by_default = true,
        .most_inputs = 2},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].method) != i) return false;
  return true;
}
static_assert(in_order(), "rows stand in the order of the enumeration");

}  // namespace

std::span<const MethodRow> methods() { return table; }

const MethodRow& row_of(Method method) {
  const auto i = static_cast<std::size_t>(method);
  if (i >= table.size()) throw UsageError("an unknown method was asked for; take those of methods()");
  return table[i];
}

std::string_view to_string(Method method) { return row_of(method).name; }

std::string method_names() {
  std::string names;
  for (const MethodRow& row : table) names += cat(names.empty() ? "" : ", ", row.name);
  return names;
}

Method method_named(std::string_view name) {
  for (const MethodRow& row : table)
    if (row.name == name) return row.method;
  throw UsageError(cat("there is no method '", name, "'; there are ", method_names()));
}

Lack lack_of(const MethodRow& row, const MethodQuestion& question) {
  if (row.l2_only && question.norm != Norm::l2) return Lack::l2;
  if (row.needs_data && !question.has_data) return Lack::data;
  if (row.needs_box && !question.has_box) return Lack::box;
  if (question.inputs > row.most_inputs) return Lack::few_inputs;
  return Lack::nothing;
}

}  // namespace taut
