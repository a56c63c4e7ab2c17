// sample_axis: when an op claims that axis a of its result holds the samples, changing sample j of the operands changes
// nothing outside of slice j of axis a; when it says that it mixes samples, there is a witness.
#include <algorithm>
#include <vector>

#include "harness/check.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/options.h"

namespace taut::harness {
namespace {

// Position of flat index i along an axis.
Index along(const Shape& shape, int axis, Index i) { return i / shape.product(axis + 1, shape.rank()) % shape[axis]; }

// Every way to give each operand a sample axis or none, with the same number of samples in all; at least one has an
// axis.
std::vector<std::vector<int>> assignments(const Inputs& operands) {
  std::vector<std::vector<int>> all{{}};
  for (const Tensor& t : operands) {
    std::vector<std::vector<int>> longer;
    for (const std::vector<int>& axes : all)
      for (int axis = no_sample_axis; axis < t.shape().rank(); ++axis) {
        longer.push_back(axes);
        longer.back().push_back(axis);
      }
    all = std::move(longer);
  }
  std::erase_if(all, [&](const std::vector<int>& axes) {
    Index samples = -1;
    for (std::size_t k = 0; k < axes.size(); ++k) {
      if (axes[k] == no_sample_axis) continue;
      const Index n = operands[k].shape()[axes[k]];
      if (n == 0 || (samples >= 0 && samples != n)) return true;
      samples = n;
    }
    return samples < 0;
  });
  return all;
}

struct Trial {
  Index sample;
  Tensor before, after;
};

class Independence {
 public:
  Independence(const Sample& sample, const Primitive& op, const Inputs& operands, std::vector<int> axes)
      : sample_(sample), op_(op), operands_(operands), axes_(std::move(axes)) {
    for (std::size_t k = 0; k < axes_.size(); ++k)
      if (axes_[k] != no_sample_axis) samples_ = operands_[k].shape()[axes_[k]];
  }
  Index samples() const { return samples_; }
  bool empty() const {
    return std::ranges::any_of(operands_, [](const Tensor& t) { return t.size() == 0; });
  }
  // Samples lie where they do in practice.
  bool usual() const {
    for (std::size_t k = 0; k < axes_.size(); ++k)
      if (axes_[k] != no_sample_axis && (axes_[k] != sample_.batch_axis || (sample_.weights >> k & 1U) != 0))
        return false;
    return true;
  }

  int claim() const {
    const OperandList list(operands_);
    return op_.sample_axis({list.view(), forward_of(op_, operands_), axes_});
  }

  // One sample of every operand drawn anew.
  Trial change(Random& random) const {
    Trial trial{random.integer(0, samples_ - 1), forward_of(op_, operands_), {}};
    Inputs changed = operands_;
    for (std::size_t k = 0; k < axes_.size(); ++k) {
      if (axes_[k] == no_sample_axis) continue;
      const Operand& operand = sample_.operands[k];
      // Half of the time above all others, so that maxima notice.
      const double far = std::min(operand.domain.hi + 1.0, operand.defined.hi);
      const Interval from = random.coin() ? operand.domain : Interval{operand.domain.hi, far};
      for (Index i = 0; i < changed[k].size(); ++i)
        if (along(changed[k].shape(), axes_[k], i) == trial.sample)
          changed[k] = with(changed[k], i, random.uniform(from.lo, from.hi));
    }
    trial.after = forward_of(op_, changed);
    return trial;
  }

  std::string text() const {
    std::string list;
    for (const int axis : axes_)
      list += (list.empty() ? "" : ", ") + (axis == no_sample_axis ? std::string("none") : std::to_string(axis));
    return "sample axes (" + list + ")";
  }

 private:
  const Sample& sample_;
  const Primitive& op_;
  const Inputs& operands_;
  std::vector<int> axes_;
  Index samples_ = 0;
};

// A number of the result that moved although it does not belong to the changed sample; −1 when there is none.
Index leak(const Trial& trial, int axis) {
  const Shape& shape = trial.before.shape();
  for (Index i = 0; i < trial.before.size(); ++i) {
    const bool own = axis != no_sample_axis && along(shape, axis, i) == trial.sample;
    if (!own && trial.before.at(i) != trial.after.at(i)) return i;
  }
  return -1;
}

void check_claim(const Independence& c, int axis, Random& random, Report& report) {
  for (int n = iterations(4); n > 0; --n) {
    const Trial trial = c.change(random);
    if (axis != no_sample_axis &&
        !report.expect(axis < trial.before.shape().rank() && trial.before.shape()[axis] == c.samples(), c.text(),
                       ": axis ", axis, " of the result ", trial.before.shape(), " cannot hold ", c.samples(),
                       " samples"))
      return;
    if (axis == no_sample_axis && c.samples() == 1) return;  // one sample needs no axis
    const Index moved = leak(trial, axis);
    report.expect(moved < 0, c.text(), ": claims axis ", axis, ", but sample ", trial.sample, " changes element ",
                  moved, " of another sample");
  }
}

void check_mixing(const Independence& c, Random& random, Report& report) {
  const Shape shape = c.change(random).before.shape();
  if (c.samples() < 2 || shape.size() == 0 || c.empty() || !c.usual()) return;  // one sample mixes with none
  for (int axis = no_sample_axis; axis < shape.rank(); ++axis) {
    if (axis != no_sample_axis && shape[axis] != c.samples()) continue;
    bool witness = false;
    for (int n = 0; n < 24 && !witness; ++n) witness = leak(c.change(random), axis) >= 0;
    report.expect(witness, c.text(), ": says that samples mix, but axis ", axis, " of the result keeps them apart");
  }
}

}  // namespace

void check_sample_axis(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    const Recording recording(sample, draw_any(sample, random));
    const Inputs operands = recording.operands();
    for (std::vector<int>& axes : assignments(operands)) {
      report.set_context(sample.name);
      const Independence c(sample, recording.op(), operands, std::move(axes));
      const int axis = c.claim();
      if (axis == mixes_samples) {
        check_mixing(c, random, report);
      } else {
        check_claim(c, axis, random, report);
      }
    }
  }
}

}  // namespace taut::harness
