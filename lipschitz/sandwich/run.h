// One call of sandwich(): what its methods share, and where they put their results. Internal to lipschitz.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lipschitz/lower.h"
#include "lipschitz/sandwich.h"
#include "lipschitz/upper/autolip.h"

namespace taut::detail {

class SandwichRun {
 public:
  SandwichRun(const Function& f, const Tensor& sample, const SandwichOptions& options, Where where)
      : f_(f), sample_(sample), options_(options), where_(where) {}

  Sandwich run();

  // For the function of a method's row.
  const Function& function() const { return f_; }
  const Tensor& sample() const { return sample_; }
  const SandwichOptions& options() const { return options_; }
  const Budget& share() const { return share_; }          // of the time and of progress, for the method that runs
  const Var& recorded();                                  // f at the sample, recorded once
  const Network& network(const AutoLipOptions& options);  // taken apart once, so that no norm is computed twice
  const BoundRow* best_upper() const { return result_.best_upper(); }

  void add(const UpperBound& bound, Status status, const std::string& note, double seconds);
  // An upper bound that has another name than the method's.
  void add_as(std::string_view name, const UpperBound& bound, Status status, const std::string& note, double seconds);
  void add(const LowerBound& bound, Status status, const std::string& note, double seconds, const Tensor& point);
  void add(const LowerResult& found);

 private:
  void answer(const MethodRow& row);
  void answer_again(const std::vector<Method>& methods);
  void no_answer(const std::string& why, double seconds);
  void insert(BoundRow row);
  Budget share_of_time(std::size_t methods_left) const;
  void find_layers();
  void share_progress(const MethodRow& row, std::size_t done, std::size_t of);

  const Function& f_;
  const Tensor& sample_;
  const SandwichOptions& options_;
  Where where_;
  std::optional<Tape> tape_;
  Var recorded_;
  std::optional<Graph> graph_;
  std::optional<Network> folding_, staying_;  // by what becomes of maps behind functions
  Budget share_;
  const MethodRow* row_ = nullptr;   // of the method that runs
  std::map<Method, double> shares_;  // seconds that methods were given
  Sandwich result_;
};

}  // namespace taut::detail
