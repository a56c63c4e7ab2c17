#include "nn/data.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "autodiff/error.h"
#include "nn/random.h"

namespace taut::nn {
namespace {

void require_samples(const Tensor& tensor, const char* what) {
  if (!tensor.defined() || tensor.shape().rank() < 1)
    throw ShapeError(cat("[data set] ", what, " have samples along axis 0; got a ",
                         tensor.defined() ? "scalar" : "undefined tensor"));
  if (const Index at = tensor.first_non_finite(); at >= 0)
    throw NumericError(cat("[data set] ", what, " must be finite; entry ", at, ", in sample ",
                           at / (tensor.size() / tensor.shape()[0]), ", is ", tensor.at(at), "; clean the data first"));
}

void require_count(Index inputs, Index others, const char* what) {
  if (inputs != others)
    throw ShapeError(cat("[data set] one of ", what, " per sample is required, got ", inputs, " inputs and ", others,
                         ' ', what, "; check that the files belong together"));
}

// Rows of `from` in the order of `rows`.
void gather_rows(const Tensor& from, std::span<const Index> rows, Tensor& to) {
  to = Tensor();  // back to the pool, from where the next line takes it again
  to = Tensor::uninitialised(from.shape().with(0, static_cast<Index>(rows.size())), from.dtype());
  dispatch(from.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto length = static_cast<std::size_t>(from.shape().product(1, from.shape().rank()));
    const T* const source = from.data<T>().data();
    T* target = to.mutable_data<T>().data();
    for (const Index row : rows) {
      std::memcpy(target, source + static_cast<std::size_t>(row) * length, length * sizeof(T));
      target += length;
    }
  });
}

}  // namespace

DataSet::DataSet(Tensor inputs, Tensor targets, std::vector<Index> labels, Index classes)
    : inputs_(std::move(inputs)), targets_(std::move(targets)), labels_(std::move(labels)), classes_(classes) {}

DataSet DataSet::classification(Tensor inputs, std::vector<Index> labels, Index classes) {
  require_samples(inputs, "inputs");
  require_count(inputs.shape()[0], static_cast<Index>(labels.size()), "labels");
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw DomainError(cat("[data set] label ", labels[i], " of sample ", i, " is not in [0, ", classes,
                            "); check the labels or raise the number of classes"));
  return {std::move(inputs), Tensor(), std::move(labels), classes};
}

DataSet DataSet::regression(Tensor inputs, Tensor targets) {
  require_samples(inputs, "inputs");
  require_samples(targets, "targets");
  require_count(inputs.shape()[0], targets.shape()[0], "targets");
  return {std::move(inputs), std::move(targets), {}, 0};
}

Shape DataSet::sample_shape() const { return inputs_.shape().without(0); }

DataSet DataSet::first(Index count) const {
  if (count >= size()) return *this;
  if (count < 1) throw UsageError(cat("[data set] at least 1 sample must be taken, got ", count));
  std::vector<Index> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), Index{0});
  return subset(samples);
}

DataSet DataSet::subset(std::span<const Index> samples) const {
  DataSet part;
  part.classes_ = classes_;
  for (const Index sample : samples) {
    if (sample < 0 || sample >= size())
      throw ShapeError(cat("[data set] there is no sample ", sample, "; there are ", size(), ", counted from 0"));
    if (!labels_.empty()) part.labels_.push_back(labels_[static_cast<std::size_t>(sample)]);
  }
  if (inputs_.defined()) gather_rows(inputs_, samples, part.inputs_);
  if (targets_.defined()) gather_rows(targets_, samples, part.targets_);
  return part;
}

DataLoader::DataLoader(const DataSet& data, const LoaderOptions& options) : data_(&data), options_(options) {
  if (data.size() == 0)
    throw UsageError("[data loader] the data set is empty; at least one sample is required, check what was loaded");
  if (options.batch_size < 1)
    throw UsageError(cat("[data loader] the batch size must be 1 or more, got ", options.batch_size));
  if (batches() == 0)
    throw UsageError(cat("[data loader] ", data.size(), " samples do not fill one batch of ", options.batch_size,
                         "; make batches smaller or keep the last one"));
  order_.resize(static_cast<std::size_t>(data.size()));
  labels_.reserve(static_cast<std::size_t>(options.batch_size));
}

Index DataLoader::batches() const {
  const Index full = data_->size() / options_.batch_size;
  return options_.drop_last || full * options_.batch_size == data_->size() ? full : full + 1;
}

Index DataLoader::samples() const { return std::min(data_->size(), batches() * options_.batch_size); }

DataLoader::Epoch DataLoader::epoch(Index number, Index first) {
  if (first < 0 || first > batches())
    throw UsageError(cat("[data loader] an epoch of ", batches(), " batches cannot begin with batch ", first));
  std::iota(order_.begin(), order_.end(), Index{0});
  if (options_.shuffle) {
    // Fisher and Yates; written out, as std::shuffle differs between standard libraries.
    Random random(options_.seed, 1 + static_cast<std::uint64_t>(number));
    for (std::size_t i = order_.size(); i > 1; --i)
      std::swap(order_[i - 1], order_[static_cast<std::size_t>(random.below(static_cast<Index>(i)))]);
  }
  gather(first);
  return {this, first};
}

void DataLoader::gather(Index number) {
  if (number >= batches()) return;
  const Index from = number * options_.batch_size;
  const Index count = std::min(options_.batch_size, data_->size() - from);
  const auto rows =
      std::span<const Index>(order_).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(count));
  batch_.number = number;
  gather_rows(data_->inputs(), rows, batch_.inputs);
  if (data_->targets().defined()) gather_rows(data_->targets(), rows, batch_.targets);
  labels_.clear();
  if (!data_->labels().empty())
    for (const Index row : rows) labels_.push_back(data_->labels()[static_cast<std::size_t>(row)]);
  batch_.labels = labels_;
}

}  // namespace taut::nn
