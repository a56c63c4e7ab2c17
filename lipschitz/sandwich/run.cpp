#include "lipschitz/sandwich/run.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "autodiff/error.h"
#include "lipschitz/upper/layers.h"

namespace taut {
namespace detail {
namespace {

std::string place(const Tensor& point) {
  if (!point.defined()) return "";
  constexpr Index shown = 4;
  std::ostringstream text;
  text << std::setprecision(4) << "at (";
  for (Index i = 0; i < std::min(point.size(), shown); ++i) text << (i > 0 ? ", " : "") << point.at(i);
  text << (point.size() > shown ? ", …)" : ")");
  return text.str();
}

double seconds_since(Budget::Clock::time_point begin) {
  return std::chrono::duration<double>(Budget::Clock::now() - begin).count();
}

double seconds_left(const Budget& budget) {
  if (!budget.deadline) return infinity;
  return std::max(0.0, std::chrono::duration<double>(*budget.deadline - Budget::Clock::now()).count());
}
// A method that was cut is run again where it gets so many times its share.
constexpr double worth_again = 1.5;

MethodQuestion method_question(const Tensor& sample, const SandwichOptions& options) {
  return {options.question.norm, options.data.defined(), options.question.domain.bounded(), sample.size()};
}

void require_answerable(const MethodRow& row, const MethodQuestion& question) {
  switch (lack_of(row, question)) {
    case Lack::l2:
      throw UsageError(cat("[sandwich] ", row.name, " bounds the constant in l2; got the norm ", question.norm,
                           "; leave the method out or ask for l2"));
    case Lack::data:
      throw UsageError(cat("[sandwich] ", row.name, " needs points; set options.data to a tensor (count, …)"));
    case Lack::box:
      throw UsageError(cat("[sandwich] ", row.name, " needs a box; set options.question.domain"));
    case Lack::few_inputs:  // a row of the table says so
    case Lack::nothing:
      return;
  }
}

}  // namespace

Sandwich SandwichRun::run() {
  const std::vector<Method> methods = options_.methods.empty() ? default_methods(sample_, options_) : options_.methods;
  for (const Method method : methods) require_answerable(row_of(method), method_question(sample_, options_));
  for (std::size_t k = 0; k < methods.size(); ++k) {
    if (options_.budget.stop.stop_requested() && !result_.bounds.empty()) break;
    const MethodRow& row = row_of(methods[k]);
    options_.budget.report(row.name, static_cast<double>(k) / static_cast<double>(methods.size()));
    share_ = share_of_time(methods.size() - k);
    shares_[methods[k]] = seconds_left(share_);
    share_progress(row, k, methods.size());
    answer(row);
    if (options_.so_far) options_.so_far(result_);
  }
  answer_again(methods);
  if (options_.layers) find_layers();
  options_.budget.report("sandwich", 1.0);
  return std::move(result_);
}

// What some have left over goes to those whose shares were too short.
void SandwichRun::answer_again(const std::vector<Method>& methods) {
  if (!options_.budget.deadline) return;
  std::vector<Method> cut;
  for (const Method method : methods)
    if (std::ranges::any_of(result_.bounds, [&](const BoundRow& row) {
          return row.method == row_of(method).name && row.status == Status::cut;
        }))
      cut.push_back(method);
  for (std::size_t k = 0; k < cut.size(); ++k) {
    share_ = share_of_time(cut.size() - k);
    if (share_.expired() || seconds_left(share_) < worth_again * shares_.at(cut[k])) continue;
    answer(row_of(cut[k]));
    if (options_.so_far) options_.so_far(result_);
  }
}

void SandwichRun::no_answer(const std::string& why, double seconds) {
  insert({std::string(row_->name), row_->side, row_->side == Side::upper ? infinity : 0.0, Estimate{},
          Status::unsupported, seconds, why});
}

// A row of a method that has answered before replaces its former one where it is better.
void SandwichRun::insert(BoundRow row) {
  const auto former = std::ranges::find_if(
      result_.bounds, [&](const BoundRow& other) { return other.method == row.method && other.side == row.side; });
  if (former == result_.bounds.end()) return result_.bounds.push_back(std::move(row));
  const bool as_sure = weakest(former->rigour, row.rigour) == former->rigour;
  const bool as_good = row.side == Side::upper ? row.value <= former->value : row.value >= former->value;
  row.seconds += former->seconds;
  if (!former->has_value() || (row.has_value() && as_sure && as_good))
    *former = std::move(row);
  else
    former->seconds = row.seconds;
}

void SandwichRun::find_layers() {
  AutoLipOptions options{options_.question, options_.budget};
  options.budget.progress = nullptr;
  result_.layers = folded_layers(network(options), options);
}

void SandwichRun::answer(const MethodRow& row) {
  const auto begin = Budget::Clock::now();
  row_ = &row;
  try {
    row.run(*this);
  } catch (const UnsupportedError& error) {
    no_answer(error.what(), seconds_since(begin));
  } catch (const MemoryError& error) {
    no_answer(cat("it would not fit into memory: ", error.what()), seconds_since(begin));
  }
}

Budget SandwichRun::share_of_time(std::size_t methods_left) const {
  Budget budget = options_.budget;
  if (!budget.deadline) return budget;
  const auto now = Budget::Clock::now();
  if (now >= *budget.deadline) return budget;
  auto left = *budget.deadline - now;
  if (options_.layers) left -= left / 10;
  budget.deadline = now + left / static_cast<int>(methods_left);
  return budget;
}

void SandwichRun::share_progress(const MethodRow& row, std::size_t done, std::size_t of) {
  if (!options_.budget.progress) return;
  share_.progress = [this, &row, done, of](const Progress& inner) {
    options_.budget.report(row.name, (static_cast<double>(done) + inner.fraction) / static_cast<double>(of));
  };
}

const Var& SandwichRun::recorded() {
  if (!tape_) {
    tape_.emplace();
    recorded_ = f_(tape_->input(sample_, "x", where_));
  }
  return recorded_;
}

const Network& SandwichRun::network(const AutoLipOptions& options) {
  if (!graph_) graph_.emplace(recorded(), "sandwich");
  if (!folding_) folding_.emplace(*graph_, options.question);
  if (behind_under(options) == Behind::folds || !folding_->has_map_behind()) return *folding_;
  if (!staying_) staying_.emplace(*graph_, options.question, Behind::stays);
  return *staying_;
}

void SandwichRun::add(const UpperBound& bound, Status status, const std::string& note, double seconds) {
  add_as(row_->name, bound, status, note, seconds);
}

void SandwichRun::add_as(std::string_view name, const UpperBound& bound, Status status, const std::string& note,
                         double seconds) {
  insert({std::string(name), Side::upper, bound.value(), bound.rigour(), status, seconds, note, bound.explain()});
  result_.upper = result_.upper ? better(*result_.upper, bound) : bound;
}

void SandwichRun::add(const LowerBound& bound, Status status, const std::string& note, double seconds,
                      const Tensor& point) {
  insert({std::string(row_->name), Side::lower, bound.value(), bound.rigour(), status, seconds,
          note.empty() ? place(point) : note, bound.explain()});
  const LowerBound best = result_.lower ? better(*result_.lower, bound) : bound;
  const bool kept = result_.lower && best.method() == result_.lower->method();
  if (!kept) result_.point = point;
  result_.lower = best;
}

void SandwichRun::add(const LowerResult& found) {
  const std::string note = cat(place(found.point), found.partner.defined() ? " and " : "", place(found.partner));
  add(found.bound, found.status, note, found.seconds, found.point);
}

}  // namespace detail

double Sandwich::ratio() const {
  if (!upper || !lower || !(lower->value() > 0.0)) return infinity;
  return upper->value() / lower->value();
}

const BoundRow* Sandwich::best_upper() const {
  const BoundRow* best = nullptr;
  for (const BoundRow& row : bounds)
    if (row.side == Side::upper && row.has_value() && !row.is_estimate() &&
        (best == nullptr || row.value < best->value))
      best = &row;
  return best;
}

const BoundRow* Sandwich::best_lower() const {
  const BoundRow* best = nullptr;
  for (const BoundRow& row : bounds) {
    if (row.side != Side::lower || !row.has_value()) continue;
    const bool more = best == nullptr || (best->is_estimate() && !row.is_estimate());
    const bool as_much = best != nullptr && best->is_estimate() == row.is_estimate();
    if (more || (as_much && row.value > best->value)) best = &row;
  }
  return best;
}

std::vector<Method> applicable_methods(const Tensor& sample, const SandwichOptions& options) {
  std::vector<Method> applicable;
  for (const MethodRow& row : methods())
    if (lack_of(row, detail::method_question(sample, options)) == Lack::nothing) applicable.push_back(row.method);
  return applicable;
}

std::vector<Method> default_methods(const Tensor& sample, const SandwichOptions& options) {
  std::vector<Method> chosen = applicable_methods(sample, options);
  std::erase_if(chosen, [](Method method) { return !row_of(method).by_default; });
  return chosen;
}

Sandwich sandwich(const Function& f, const Tensor& sample, const SandwichOptions& options, Where where) {
  return detail::SandwichRun(f, sample, options, where).run();
}

}  // namespace taut
