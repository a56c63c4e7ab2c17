#include "cli/analysis.h"

#include <algorithm>

#include "autodiff/memory.h"
#include "cli/data.h"
#include "cli/sha256.h"

namespace taut::cli {
namespace {

using nn::onnx::Model;

// In tensors. A method that would need more says so.
constexpr std::size_t most_memory = std::size_t{4} << 30;

Analysis begin(const Settings& settings, const Model& model) {
  Analysis analysis;
  analysis.model = {settings.model,
                    sha256_of_file(settings.model),
                    {model.inputs().begin(), model.inputs().end()},
                    {model.outputs().begin(), model.outputs().end()},
                    model.parameter_count(),
                    {model.notes().begin(), model.notes().end()}};
  analysis.norm = settings.norm;
  analysis.box = settings.box;
  return analysis;
}

Question question_of(const Settings& settings) {
  return {settings.norm, Domain::box_or_reals(settings.box),
          no_sample_axis};  // the model's function is one sample by proof
}

SandwichOptions sandwich_options(const Settings& settings, const Model& model, const Budget& budget) {
  SandwichOptions all{question_of(settings), budget};
  if (!settings.data.empty()) all.data = points_of_file(settings.data, model.sample());
  all.methods = settings.methods;
  if (settings.all_methods) all.methods = applicable_methods(model.sample(), all);
  if (all.methods.empty()) all.methods = default_methods(model.sample(), all);
  all.layers = true;
  return all;
}

LayerOptions layer_options(const Settings& settings, const Budget& budget) {
  LayerOptions layers;
  layers.budget = budget;
  layers.budget.progress = nullptr;
  layers.norm = settings.norm;
  return layers;
}

double seconds_since(Budget::Clock::time_point begin) {
  return std::chrono::duration<double>(Budget::Clock::now() - begin).count();
}

}  // namespace

void require_sensible(const Settings& settings) {
  const MethodQuestion question{settings.norm, !settings.data.empty(), settings.box.has_value()};
  for (const Method method : settings.methods) {
    const std::string name = cat("--methods ", to_string(method));
    switch (lack_of(row_of(method), question)) {
      case Lack::l2:
        throw UsageMistake(cat(name, " is defined in l2 only; leave it out under --norm ", settings.norm));
      case Lack::data:
        throw UsageMistake(cat(name, " needs points: --data FILE"));
      case Lack::box:
        throw UsageMistake(cat(name, " needs a box: --box LO:HI"));
      case Lack::few_inputs:
      case Lack::nothing:
        break;
    }
  }
}

Analysis analyse_bounds(const Settings& settings, const Budget& budget,
                        const std::function<void(const Analysis&)>& keep) {
  const auto start = Budget::Clock::now();
  const memory::Limit limit(most_memory);
  const Model model = Model::load(settings.model, settings.import);
  Analysis analysis = begin(settings, model);
  SandwichOptions bounds = sandwich_options(settings, model, budget);
  const auto with = [&](const Sandwich& sandwich) {
    analysis.sandwich = sandwich;
    for (BoundRow& row : analysis.sandwich.bounds)
      if (row.note.ends_with(box_hint)) row.note += ": --box LO:HI";
    analysis.seconds = seconds_since(start);
  };
  keep(analysis);
  bounds.so_far = [&](const Sandwich& sandwich) {
    with(sandwich);
    keep(analysis);
  };
  with(sandwich(model.function(), model.sample(), bounds));
  keep(analysis);
  LayerOptions layers = layer_options(settings, budget);
  layers.spectra = !settings.report.empty();
  layers.unfolded = settings.json || !settings.report.empty();
  analysis.layers = layer_rows(model, analysis.sandwich.layers, layers);
  analysis.seconds = seconds_since(start);
  return analysis;
}

Analysis analyse_layers(const Settings& settings, const Budget& budget) {
  const auto start = Budget::Clock::now();
  const Model model = Model::load(settings.model, settings.import);
  Analysis analysis = begin(settings, model);
  LayerOptions layers = layer_options(settings, budget);
  layers.spectra = settings.spectrum;
  const AutoLipOptions folding{question_of(settings), layers.budget};
  analysis.layers = layer_rows(model, folded_layers(model.function(), model.sample(), folding), layers);
  analysis.seconds = seconds_since(start);
  return analysis;
}

}  // namespace taut::cli
