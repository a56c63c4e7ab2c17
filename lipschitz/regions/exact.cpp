// Goes through all linear regions of a network of one or two numbers, and keeps the largest slopes.
// Long: one class, the enumeration, which can be stopped at every step.
#include "lipschitz/exact.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/dense/two_columns.h"
#include "lipschitz/regions/cut_at_kinks.h"
#include "lipschitz/regions/sides.h"

namespace taut {
namespace {

using detail::Arrangement;
using detail::Cell;
using detail::Forms;
using detail::NormRange;
using detail::Sides;
using detail::Step;

constexpr std::size_t batch_size = 128;        // regions whose forms are computed by one matrix product
constexpr std::size_t most_candidates = 4096;  // regions kept for the last comparison
constexpr double recomputed_products = 4e6;    // for the norms of the best of these without rounding

// A cell on which the steps so far have one pattern: a byte per entry that splits, the index of its piece.
struct Region {
  Cell cell;
  std::string pattern;
  double share = 0.0;  // of the work, for progress
};

struct Batch {
  std::size_t step = 0;  // the next one
  std::vector<Region> regions;
  std::map<NodeId, Forms> forms;  // of the nodes that are still read
};

// Parts of the regions of a batch, cut at its next step. Their forms are made when their turn comes.
struct Child {
  Region region;
  Index parent = 0;
};
struct Pending {
  std::shared_ptr<const Batch> batch;
  std::vector<Child> children;
};

struct Candidate {
  Magnitude lower, upper;
  Region region;
};

Magnitude times_power(const Magnitude& x, int exponent) {  // exact
  const int half = exponent / 2;
  const Magnitude once = Magnitude::product(x, std::ldexp(1.0, half), Side::upper);
  return Magnitude::product(once, std::ldexp(1.0, exponent - half), Side::upper);
}

// A call that was stopped still has to bound what is left. Networks of the plane are small: this is enough for their
// norms, and within what a time limit allows.
Budget grace() {
  Budget options;
  options.within(std::chrono::duration<double>(0.15));
  return options;
}

class Enumeration {
 public:
  Enumeration(const Graph& graph, const ExactOptions& options, const std::optional<Sides>& sides)
      : tape_(graph), options_(options), box_(detail::has_end(sides) ? sides : std::nullopt) {}

  ExactResult run() {
    // Norms of layers for what a time limit may leave; before the time is spent.
    if (options_.budget.deadline) tape_.gains_from(0, options_.question.norm, options_.budget);
    const std::vector<Cell> cells =
        box_ ? std::vector<Cell>{arrangement_.box((*box_)[0], (*box_)[1])} : arrangement_.plane(tape_.dimension() == 1);
    Batch whole;
    for (const Cell& cell : cells) whole.regions.push_back({cell, "", 1.0 / static_cast<double>(cells.size())});
    for (const NodeId input : graph().inputs())
      whole.forms[input] = tape_.input_forms(input, static_cast<Index>(cells.size()));
    advance(std::move(whole));
    while (!stack_.empty()) {
      Pending next = std::move(stack_.back());
      stack_.pop_back();
      options_.budget.report("exact", done_);
      if (stopped() && Budget::Clock::now() > close_until_)
        close_parents(next);
      else
        advance(gathered(*next.batch, next.children));
    }
    return summary();
  }

 private:
  const Graph& graph() const { return tape_.graph(); }

  bool stopped() {
    if (!cut_ && options_.budget.expired()) stop();
    return cut_;
  }

  void stop() {
    cut_ = true;
    close_until_ = Budget::Clock::now() + std::chrono::milliseconds(100);
  }

  // Through affine steps to the next one that splits, or to the end.
  void advance(Batch batch) {
    for (; batch.step < tape_.steps().size(); ++batch.step) {
      if (stopped()) return close(batch);
      const Step& step = tape_.steps()[batch.step];
      if (step.splits) return split(std::make_shared<const Batch>(std::move(batch)));
      batch.forms[step.id] = tape_.apply(step, [&](NodeId id) -> const Forms& { return batch.forms.at(id); });
      forget(batch, batch.step);
    }
    finish(batch);
  }

  void forget(Batch& batch, std::size_t step) const {
    std::erase_if(batch.forms, [&](const auto& entry) {
      return entry.first != graph().output() && tape_.last_use(entry.first, step);
    });
  }

  // ---- one step that splits
  // -------------------------------------------------------------------------------------------

  void split(const std::shared_ptr<const Batch>& shared) {
    const Batch& batch = *shared;
    const Step& step = tape_.steps()[batch.step];
    const auto enough = [&](std::size_t parts) {
      if (!cut_ && parts + found_ > static_cast<std::size_t>(options_.max_regions)) stop();
      return stopped();
    };
    Pending pending{shared, {}};
    for (std::size_t r = 0; r < batch.regions.size(); ++r) {
      std::optional<detail::CellParts> cut;
      if (!cut_)
        cut = detail::cut_at_kinks(tape_, arrangement_, step, batch.forms.at(step.operand), r, batch.regions[r].cell,
                                   batch.regions[r].pattern, enough);
      if (!cut) {
        close(batch, r);
        continue;
      }
      auto& [parts, undecided] = *cut;
      undecided_ += undecided;
      if (undecided > 0) bound_rest(batch, r);
      if (parts.empty()) done_ += batch.regions[r].share;
      for (detail::CellPart& part : parts) {
        const double share = batch.regions[r].share / static_cast<double>(parts.size());
        pending.children.push_back(
            {{std::move(part.cell), batch.regions[r].pattern + part.pieces, share}, static_cast<Index>(r)});
        if (pending.children.size() < batch_size) continue;
        stack_.push_back(std::move(pending));
        pending = {shared, {}};
      }
    }
    if (!pending.children.empty()) stack_.push_back(std::move(pending));
  }

  Batch gathered(const Batch& batch, std::vector<Child>& children) const {
    const Step& step = tape_.steps()[batch.step];
    Batch next;
    next.step = batch.step + 1;
    const auto cells = static_cast<Index>(children.size());
    for (const auto& [id, forms] : batch.forms) {
      if (id != graph().output() && tape_.last_use(id, batch.step)) continue;
      Forms& to = next.forms[id] = Forms(forms.rows, cells);
      for (Index row = 0; row < forms.rows; ++row)
        for (Index c = 0; c < cells; ++c) {
          const std::size_t from = forms.at(row, children[static_cast<std::size_t>(c)].parent), at = to.at(row, c);
          std::copy_n(&forms.value[from], detail::coefficients, &to.value[at]);
          std::copy_n(&forms.error[from], detail::coefficients, &to.error[at]);
        }
    }
    Forms& out = next.forms[step.id] = Forms(step.size, cells);
    const Forms& in = batch.forms.at(step.operand);
    for (Index c = 0; c < cells; ++c) {
      const Child& child = children[static_cast<std::size_t>(c)];
      const char* const pieces = child.region.pattern.data() + child.region.pattern.size() - step.size;
      for (Index row = 0; row < step.size; ++row)
        detail::apply_piece(step, static_cast<std::uint8_t>(pieces[row]), &in.value[in.at(row, child.parent)],
                            &in.error[in.at(row, child.parent)], &out.value[out.at(row, c)],
                            &out.error[out.at(row, c)]);
    }
    for (Child& child : children) next.regions.push_back(std::move(child.region));
    return next;
  }

  // ---- what regions contribute
  // -----------------------------------------------------------------------------------------

  NormRange norm_of(NodeId id, const Forms& forms, std::size_t r) const {
    const std::size_t at = forms.at(0, static_cast<Index>(r));
    const NormRange range = forms.rows == 0
                                ? NormRange{}
                                : detail::two_column_norm(&forms.value[at], &forms.error[at], forms.rows,
                                                          forms.cells * detail::coefficients, options_.question.norm);
    return {times_power(range.lower, tape_.scale(id)), times_power(range.upper, tape_.scale(id))};
  }

  void finish(Batch& batch) {
    const NodeId output = graph().output();
    for (std::size_t r = 0; r < batch.regions.size(); ++r) {
      Region& region = batch.regions[r];
      done_ += region.share;
      // A pattern is cut by the axes at most; its parts have a piece of an axis for an edge.
      if (box_ || !arrangement_.touches_axis(region.cell) || on_axes_.insert(region.pattern).second) ++found_;
      const NormRange norm = norm_of(output, batch.forms.at(output), r);
      if (!candidates_.empty() && !(best_lower_ < norm.upper)) continue;
      best_lower_ = std::max(best_lower_, norm.lower);
      candidates_.push_back({norm.lower, norm.upper, std::move(region)});
      if (candidates_.size() > most_candidates) thin_out(most_candidates / 2);
    }
  }

  // Candidates in order, the largest upper end first, with the one of the best lower end kept.
  void thin_out(std::size_t most) {
    if (candidates_.empty()) return;
    const auto worse = [](const Candidate& a, const Candidate& b) { return a.lower < b.lower; };
    const Candidate keep = *std::max_element(candidates_.begin(), candidates_.end(), worse);
    std::ranges::stable_sort(candidates_, [](const Candidate& a, const Candidate& b) { return b.upper < a.upper; });
    for (std::size_t k = most; k < candidates_.size(); ++k) others_ = std::max(others_, candidates_[k].upper);
    if (candidates_.size() > most) candidates_.resize(most);
    if (worse(*std::max_element(candidates_.begin(), candidates_.end(), worse), keep)) candidates_.push_back(keep);
  }

  void close(const Batch& batch) {
    for (std::size_t r = 0; r < batch.regions.size(); ++r) close(batch, r);
  }
  void close(const Batch& batch, std::size_t r) {
    bound_rest(batch, r);
    done_ += batch.regions[r].share;
  }

  // Like close(), from where the parents were cut: cheaper, and not as tight.
  void close_parents(const Pending& pending) {
    Index last = -1;
    for (const Child& child : pending.children) {
      done_ += child.region.share;
      if (child.parent == last) continue;
      last = child.parent;
      bound_rest(*pending.batch, static_cast<std::size_t>(last));
    }
  }

  // ‖D f‖ ≤ Σ gain · ‖D v‖ over the nodes v that the steps to come read.
  void bound_rest(const Batch& batch, std::size_t r) {
    auto [known, first] = gains_.try_emplace(batch.step);
    if (first) known->second = tape_.gains_from(batch.step, options_.question.norm, grace());
    Magnitude total;
    for (const NodeId id : tape_.alive_before(batch.step)) {
      const std::optional<UpperBound>& gain = known->second[id];
      if (!gain) continue;
      if (first) rests_on_.push_back(*gain);
      const Magnitude here = norm_of(id, batch.forms.at(id), r).upper;
      total = Magnitude::sum(total, Magnitude::product(gain->magnitude(), here, Side::upper), Side::upper);
    }
    if (graph().node(graph().output()).op == nullptr) total = std::max(total, Magnitude(1.0));
    rest_ = std::max(rest_, total);
  }

  // Computes the norms of the leading candidates again from exact entries.
  void recompute() {
    if (!tape_.is_exact(graph().output())) return;
    thin_out(most_candidates);
    const double affordable = recomputed_products / std::max(1.0, tape_.products_per_cell());
    const std::size_t most = std::max<std::size_t>(64, static_cast<std::size_t>(affordable));
    for (std::size_t k = 0; k < std::min(candidates_.size(), most) && !options_.budget.expired(); ++k) {
      Candidate& c = candidates_[k];
      if (!(best_lower_ < c.upper)) break;
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(c.region.pattern.data());
      const auto forms = tape_.exact_forms(graph().output(), {bytes, c.region.pattern.size()});
      Forms rounded(static_cast<Index>(forms.size()), 1);
      for (std::size_t row = 0; row < forms.size(); ++row)
        for (std::size_t i = 0; i < detail::coefficients; ++i) {
          const detail::Dyadic::Rounded x = forms[row][i].rounded(tape_.scale(graph().output()));
          rounded.value[row * detail::coefficients + i] = x.value;
          rounded.error[row * detail::coefficients + i] = x.radius;
        }
      const NormRange norm = norm_of(graph().output(), rounded, 0);
      c.lower = std::max(c.lower, norm.lower);
      c.upper = std::min(c.upper, norm.upper);
      best_lower_ = std::max(best_lower_, c.lower);
    }
  }

  // ---- the answer
  // ------------------------------------------------------------------------------------------------------

  Tensor point_in(const Region& region) const {
    const std::array<double, 2> at = Arrangement::inside(region.cell);
    const std::span<const NodeId> inputs = graph().inputs();
    Tensor point =
        Tensor::uninitialised(inputs.size() == 1 ? graph().node(inputs[0]).value.shape() : Shape{2}, DType::f64);
    const auto to = point.mutable_data<double>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = at[i];
    return point;
  }

  ExactResult summary() {
    recompute();
    Magnitude upper = std::max(rest_, others_);
    const Candidate* best = nullptr;
    for (const Candidate& c : candidates_) {
      upper = std::max(upper, c.upper);
      if (best == nullptr || best->lower < c.lower) best = &c;
    }
    const auto regions = static_cast<Index>(found_);
    const std::string detail = cat(regions, regions == 1 ? " linear region" : " linear regions");
    ExactResult result{LowerBound::certified(best_lower_, options_.question.norm, "exact", detail),
                       rests_on_.empty()
                           ? UpperBound::certified(upper, options_.question.norm, "exact", detail)
                           : UpperBound::derived(upper, options_.question.norm, rests_on_, "exact", detail),
                       best != nullptr ? point_in(best->region) : Tensor(),
                       regions,
                       cut_ ? Status::cut : Status::finite,
                       "",
                       0.0};
    if (cut_) result.note = "stopped early: what had not been enumerated is bounded by the product of norms";
    if (undecided_ > 0)
      result.note += cat(result.note.empty() ? "" : "; ", undecided_, undecided_ == 1 ? " region" : " regions",
                         " could not be told from a neighbour, since constants are known by enclosures only, and were "
                         "bounded by the product of norms");
    return result;
  }

  detail::PiecewiseTape tape_;
  const ExactOptions& options_;
  std::optional<Sides> box_;  // all reals: none
  Arrangement arrangement_;
  std::vector<Pending> stack_;  // depth first, so that little waits
  Budget::Clock::time_point close_until_;
  std::vector<Candidate> candidates_;
  Magnitude best_lower_, others_, rest_;  // others_: candidates dropped; rest_: what was not enumerated
  std::map<std::size_t, std::vector<std::optional<UpperBound>>> gains_;  // by step
  std::vector<UpperBound> rests_on_;
  std::set<std::string> on_axes_;  // patterns of regions beside an axis
  std::size_t found_ = 0, undecided_ = 0;
  double done_ = 0.0;
  bool cut_ = false;
};

ExactResult constant(const ExactOptions& options, const std::string& why) {
  return {LowerBound::certified(0.0, options.question.norm, "exact", why),
          UpperBound::certified(0.0, options.question.norm, "exact", why),
          {},
          0,
          Status::finite,
          "",
          0.0};
}

}  // namespace

ExactResult exact_constant(const Var& output, const ExactOptions& options) {
  const auto start = Budget::Clock::now();
  const Graph graph(output, "exact");
  graph.require_finite();
  graph.require_one_sample(options.question.sample_axis);
  const std::optional<Sides> sides = detail::sides_of(graph, options.question.domain);
  if (!graph.varies(graph.output())) return constant(options, graph.describe(graph.output()) + " does not vary");
  if (sides && detail::is_point(*sides)) return constant(options, "the box is one point");
  if (sides) detail::require_cell(*sides);
  // What rests on norms of layers instead of regions may be worse than AutoLip, which folds.
  AutoLipOptions general{options.question, options.budget};
  general.budget.progress = nullptr;
  std::optional<UpperBound> product;
  if (options.budget.deadline) product = autolip(output, general).bound;
  ExactResult result = Enumeration(graph, options, sides).run();
  if (result.status == Status::cut || !result.note.empty() || result.upper.magnitude().is_infinite()) {
    general.budget = grace();
    if (!product) product = autolip(output, general).bound;
    result.upper = better(result.upper, named(*product, "exact", product->detail()));
  }
  if (options.question.domain.is_ball()) {
    result.lower = LowerBound::certified(0.0, options.question.norm, "exact", "of the box around the ball nothing");
    result.point = {};
    result.note += cat(result.note.empty() ? "" : "; ", "of the box around ", options.question.domain.describe());
  }
  result.seconds = std::chrono::duration<double>(Budget::Clock::now() - start).count();
  options.budget.report("exact", 1.0);
  return result;
}

ExactResult exact_constant(const Function& f, const Tensor& sample, const ExactOptions& options, Where where) {
  Tape tape;
  return exact_constant(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
