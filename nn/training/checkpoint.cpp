#include "nn/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "autodiff/error.h"
#include "nn/onnx/export.h"
#include "nn/onnx/graph.h"
#include "nn/parameters.h"

namespace taut::nn {
namespace {

namespace fs = std::filesystem;
using onnx::GraphData;
using Attributes = std::map<std::string, onnx::Attribute>;
using Counts = std::vector<std::int64_t>;

constexpr const char* domain = "taut";  // of the one node, which holds what is no tensor

fs::path with_ending(const fs::path& path, const char* ending) { return path.string() + ending; }

onnx::Array array_of(const Tensor& tensor) {
  return {tensor, tensor.dtype() == DType::f32 ? onnx::ElementType::f32 : onnx::ElementType::f64};
}

struct NamedTensor {
  std::string name;
  Tensor* tensor;
};
std::vector<NamedTensor> tensors_of(const TrainingState& training) {
  std::vector<NamedTensor> all;
  for (const NamedParameter& p : named_parameters(training.net)) all.push_back({"net." + p.path, &p.parameter->value});
  const auto add = [&](const std::string& part, const std::vector<Tensor*>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) all.push_back({part + '.' + std::to_string(i), tensors[i]});
  };
  add("optimiser", training.optimiser.state());
  add("more", training.more);
  return all;
}

// What has to be the same for a training to be continued.
Attributes conditions(const TrainingState& training) {
  std::vector<std::string> trained;
  for (const Parameter* const p : training.optimiser.parameters()) trained.push_back(p->name);
  return {
      {"about", training.about},
      {"batch_size", training.options.batch_size},
      {"classes", training.data.classes()},
      {"optimiser", std::string(training.optimiser.kind())},
      {"samples", training.data.size()},
      {"seed", std::bit_cast<std::int64_t>(training.options.budget.seed)},
      {"trained", std::move(trained)},
  };
}

Attributes progress(const TrainingState& training, const TrainPosition& position) {
  Counts draws;
  for (const std::int64_t* const count : draw_counts(training.net)) draws.push_back(*count);
  return {
      {"batch", position.batch},
      {"correct", position.correct},
      {"draws", std::move(draws)},
      {"epoch", position.epoch},
      {"learning_rate", array_of(Tensor::scalar(training.optimiser.learning_rate()))},
      {"loss_sum", array_of(Tensor::scalar(position.loss_sum))},
      {"seen", position.seen},
      {"updates", training.optimiser.updates()},
  };
}

// Under another name first, so that a file that was there before is not lost when this one cannot be finished.
void write_whole(const GraphData& graph, const fs::path& file) {
  const fs::path unfinished = with_ending(file, ".part");
  onnx::write_graph(graph, unfinished);
  std::error_code error;
  fs::rename(unfinished, file, error);
  if (error)
    throw FileError(cat("[checkpoint] ", file.string(), " must be a file that may be replaced, got: ", error.message(),
                        "; take another path"));
}

// Keeps what a call in training changes, and puts it back.
class Undone {
 public:
  explicit Undone(ModuleRef net) : draws_(draw_counts(net)), flags_(training_flags(net)) {
    for (Parameter* const p : parameters(net)) values_.emplace_back(&p->value, p->value);
    for (const std::int64_t* const count : draws_) drawn_.push_back(*count);
    for (const bool* const flag : flags_) were_training_.push_back(*flag);
  }
  ~Undone() {
    for (auto& [place, value] : values_) *place = std::move(value);
    for (std::size_t i = 0; i < draws_.size(); ++i) *draws_[i] = drawn_[i];
    for (std::size_t i = 0; i < flags_.size(); ++i) *flags_[i] = were_training_[i];
  }
  Undone(const Undone&) = delete;
  Undone& operator=(const Undone&) = delete;

 private:
  std::vector<std::pair<Tensor*, Tensor>> values_;
  std::vector<std::int64_t*> draws_;
  Counts drawn_;
  std::vector<bool*> flags_;
  std::vector<bool> were_training_;
};

// Some modules make part of their state in their first call in training, when they know the size of their input.
void call_once(const TrainingState& training) {
  const Undone undone(training.net);
  set_training(training.net, true);
  training.net(training.data.first(2).inputs());
}

// The content of a state file, checked while it is asked for.
class StateFile {
 public:
  explicit StateFile(fs::path file) : file_(std::move(file)), graph_(onnx::read_graph(file_)) {
    if (graph_.nodes.size() != 1 || graph_.nodes[0].domain != domain || graph_.nodes[0].op != "Checkpoint")
      refuse("it must hold the state of a training, and this is another ONNX file");
  }

  template <class T>
  const T& get(const std::string& name) const {
    const auto found = graph_.nodes[0].attributes.find(name);
    const T* const value = found != graph_.nodes[0].attributes.end() ? std::get_if<T>(&found->second) : nullptr;
    if (value == nullptr) refuse(cat("it must say its ", name, ", and does not"));
    return *value;
  }
  Index whole(const std::string& name) const { return get<std::int64_t>(name); }
  double number(const std::string& name) const {
    const onnx::Array& array = get<onnx::Array>(name);
    if (array.type != onnx::ElementType::f64 || array.tensor.size() != 1)
      refuse(cat("its ", name, " must be one number, and is not"));
    return array.tensor.item();
  }

  void require(const Attributes& wanted) const {
    for (const auto& [name, value] : wanted)
      std::visit([&, &key = name](const auto& v) { require_same(key, v); }, value);
  }

  void require(const std::vector<NamedTensor>& wanted) const {
    if (wanted.size() != graph_.initialisers.size())
      refuse(cat("the training has ", wanted.size(), " tensors, the file has ", graph_.initialisers.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto& [name, array] = graph_.initialisers[i];
      const Tensor& now = *wanted[i].tensor;
      if (name != wanted[i].name || !onnx::is_float(array.type) || array.tensor.type() != now.type())
        refuse(cat("the training has ", wanted[i].name, ", ", now.dtype(), ' ', now.shape(), ", where the file has ",
                   name, ", ", to_string(array.type), ' ', array.tensor.shape()));
    }
  }
  std::size_t tensors() const { return graph_.initialisers.size(); }
  const Tensor& tensor(std::size_t position) const { return graph_.initialisers[position].second.tensor; }

  [[noreturn]] void refuse(const std::string& why) const {
    throw FileError(cat("[checkpoint] ", file_.string(), " does not fit: ", why,
                        "; continue with the program and options that wrote it, or begin anew"));
  }

 private:
  template <class T>
  void require_same(const std::string& name, const T& wanted) const {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::int64_t>) {
      if (get<T>(name) != wanted)
        refuse(cat("the training has ", name, " '", wanted, "', the file has '", get<T>(name), '\''));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (get<T>(name) != wanted) refuse("the optimiser trains other parameters than it did");
    }
  }

  fs::path file_;
  GraphData graph_;
};

}  // namespace

void save_checkpoint(const fs::path& path, const TrainingState& training, const TrainPosition& position) {
  if (std::ranges::any_of(training.about, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    throw UsageError("[checkpoint] `about` must be one line of printable characters; leave out what is not");
  GraphData graph;
  graph.producer = "taut";
  graph.opsets = {{"", 13}, {domain, 1}};
  graph.name = "checkpoint";
  for (const auto& [name, tensor] : tensors_of(training)) graph.initialisers.emplace_back(name, array_of(*tensor));
  Attributes all = conditions(training);
  all.merge(progress(training, position));
  graph.nodes.push_back({.op = "Checkpoint",
                         .domain = domain,
                         .name = "training",
                         .inputs = {},
                         .outputs = {"state"},
                         .attributes = all});
  write_whole(graph, with_ending(path, ".state"));
  write_whole(onnx::to_onnx(training.net, training.data.first(1).inputs()), with_ending(path, ".onnx"));
}

bool exists_checkpoint(const fs::path& path) {
  std::error_code error;
  return fs::exists(with_ending(path, ".state"), error);
}

TrainPosition load_checkpoint(const fs::path& path, const TrainingState& training) {
  const StateFile file(with_ending(path, ".state"));
  file.require(conditions(training));
  std::vector<NamedTensor> tensors = tensors_of(training);
  if (tensors.size() < file.tensors()) {
    call_once(training);
    tensors = tensors_of(training);
  }
  file.require(tensors);
  const std::vector<std::int64_t*> draws = draw_counts(training.net);
  const Counts& drawn = file.get<Counts>("draws");
  if (drawn.size() != draws.size())
    file.refuse(cat("the net has ", draws.size(), " modules that draw, the file has ", drawn.size()));
  const TrainPosition position{file.whole("epoch"), file.whole("batch"), file.number("loss_sum"), file.whole("seen"),
                               file.whole("correct")};
  const double learning_rate = file.number("learning_rate");
  const Index updates = file.whole("updates");
  if (updates < 0 || !std::isfinite(learning_rate) || learning_rate < 0.0)
    file.refuse(cat("no training has made ", updates, " updates and has the learning rate ", learning_rate));
  training.optimiser.set_updates(updates);
  training.optimiser.set_learning_rate(learning_rate);
  for (std::size_t i = 0; i < tensors.size(); ++i) *tensors[i].tensor = file.tensor(i);
  for (std::size_t i = 0; i < draws.size(); ++i) *draws[i] = drawn[i];
  return position;
}

}  // namespace taut::nn
