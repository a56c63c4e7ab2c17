// Data sets and the batches that training takes from them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Samples along axis 0, and for each a class label or a target tensor. Checked when made: ShapeError when counts
// differ, NumericError for NaN or infinity with the sample where it is, DomainError for a label outside of [0,
// classes).
class DataSet {
 public:
  DataSet() = default;  // empty
  static DataSet classification(Tensor inputs, std::vector<Index> labels, Index classes);
  static DataSet regression(Tensor inputs, Tensor targets);

  Index size() const { return inputs_.defined() ? inputs_.shape()[0] : 0; }
  Index classes() const { return classes_; }                 // 0 for regression
  const Tensor& inputs() const { return inputs_; }           // (size, …)
  const Tensor& targets() const { return targets_; }         // (size, …), undefined for classification
  std::span<const Index> labels() const { return labels_; }  // empty for regression
  Shape sample_shape() const;                                // of inputs, without axis 0
  DataSet first(Index count) const;                          // the first `count` samples, or all
  DataSet subset(std::span<const Index> samples) const;      // in this order; ShapeError for one that does not exist

 private:
  DataSet(Tensor inputs, Tensor targets, std::vector<Index> labels, Index classes);

  Tensor inputs_, targets_;
  std::vector<Index> labels_;
  Index classes_ = 0;
};

struct Batch {
  Index number = 0;               // within the epoch, from 0
  Tensor inputs;                  // (size, …)
  Tensor targets;                 // regression
  std::span<const Index> labels;  // classification
  Index size() const { return inputs.shape()[0]; }
};

struct LoaderOptions {
  Index batch_size = 64;
  bool shuffle = true;
  bool drop_last = false;  // leave out a last batch that is smaller than the others
  std::uint64_t seed = 0;
};

// Cuts a data set into batches. Epoch e under seed s has the same order whenever it is asked for:
//   for (const Batch& batch : loader.epoch(e)) …
// Batches are gathered into storage that is reused: one is valid until the next; a tape that still holds its numbers
// keeps them. The data set must outlive the loader. UsageError for an empty data set or a batch size below 1.
class DataLoader {
 public:
  explicit DataLoader(const DataSet& data, const LoaderOptions& options = {});
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  class Iterator {
   public:
    const Batch& operator*() const { return loader_->batch_; }
    Iterator& operator++() {
      loader_->gather(++number_);
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.number_ == b.number_; }

   private:
    friend class DataLoader;
    Iterator(DataLoader* loader, Index number) : loader_(loader), number_(number) {}
    DataLoader* loader_;
    Index number_;
  };
  class Epoch {
   public:
    Iterator begin() const { return {loader_, first_}; }
    Iterator end() const { return {loader_, loader_->batches()}; }

   private:
    friend class DataLoader;
    Epoch(DataLoader* loader, Index first) : loader_(loader), first_(first) {}
    DataLoader* loader_;
    Index first_;
  };

  // One at a time: begins anew, with the batch `first` of that epoch. UsageError unless 0 ≤ first ≤ batches().
  Epoch epoch(Index number, Index first = 0);
  Index batches() const;  // per epoch
  Index samples() const;  // per epoch
  const DataSet& data() const { return *data_; }

 private:
  void gather(Index number);

  const DataSet* data_;
  LoaderOptions options_;
  std::vector<Index> order_;
  std::vector<Index> labels_;
  Batch batch_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
