#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "lipschitz/sandwich.h"
#include "lipschitz/search.h"
#include "lipschitz/seqlip.h"
#include "lipschitz/text_table.h"

namespace taut {
namespace {

struct Named {
  Method method;
  std::string_view name;
};
constexpr std::array<Named, 11> names{{{Method::frobenius, "frobenius"},
                                       {Method::autolip, "autolip"},
                                       {Method::seqlip, "seqlip"},
                                       {Method::seqlip_exact, "seqlip-exact"},
                                       {Method::seqlip_greedy, "seqlip-greedy"},
                                       {Method::exact, "exact"},
                                       {Method::ascent, "ascent"},
                                       {Method::annealing, "annealing"},
                                       {Method::grid, "grid"},
                                       {Method::dataset, "dataset"},
                                       {Method::pairs, "pairs"}}};

bool needs_l2(Method method) {
  return method == Method::frobenius || method == Method::seqlip || method == Method::seqlip_exact ||
         method == Method::seqlip_greedy;
}

std::string digits(double x, int count) {
  std::ostringstream text;
  text << std::setprecision(count) << x;
  return text.str();
}

std::string place(const Tensor& point) {
  if (!point.defined()) return "";
  constexpr Index shown = 4;
  std::string text = "at (";
  for (Index i = 0; i < std::min(point.size(), shown); ++i) text += cat(i > 0 ? ", " : "", digits(point.at(i), 4));
  return text + (point.size() > shown ? ", …)" : ")");
}

class Run {
 public:
  Run(const Function& f, const Tensor& sample, const SandwichOptions& options, Where where)
      : f_(f), sample_(sample), options_(options), where_(where) {}

  Sandwich run() {
    const std::vector<Method> methods =
        options_.methods.empty() ? default_methods(sample_, options_) : options_.methods;
    for (const Method method : methods) require_answerable(method);
    for (std::size_t k = 0; k < methods.size(); ++k) {
      const std::string_view name = to_string(methods[k]);
      options_.report(name, static_cast<double>(k) / static_cast<double>(methods.size()));
      share_ = share_of_time(methods.size() - k);
      if (options_.progress)
        share_.progress = [&, k](const Progress& inner) {
          options_.report(name, (static_cast<double>(k) + inner.fraction) / static_cast<double>(methods.size()));
        };
      const auto begin = Options::Clock::now();
      try {
        answer(methods[k]);
      } catch (const UnsupportedError& error) {
        const Side side = methods[k] < Method::ascent ? Side::upper : Side::lower;
        result_.bounds.push_back({std::string(name), side, side == Side::upper ? infinity : 0.0, Estimate{},
                                  Status::unsupported,
                                  std::chrono::duration<double>(Options::Clock::now() - begin).count(), error.what()});
      }
    }
    options_.report("sandwich", 1.0);
    return std::move(result_);
  }

 private:
  void require_answerable(Method method) const {
    if (needs_l2(method) && options_.norm != Norm::l2)
      throw UsageError(cat("[sandwich] ", to_string(method), " bounds the constant in l2; got the norm ", options_.norm,
                           "; leave the method out or ask for l2"));
    if ((method == Method::dataset || method == Method::pairs) && !options_.data.defined())
      throw UsageError(cat("[sandwich] ", to_string(method), " needs points; set options.data to a tensor (count, …)"));
    if (method == Method::grid && !options_.box)
      throw UsageError("[sandwich] grid needs a box to cover; set options.box");
  }

  Options share_of_time(std::size_t methods_left) const {
    Options options = options_;
    if (!options.deadline) return options;
    const auto now = Options::Clock::now();
    if (now < *options.deadline) options.deadline = now + (*options.deadline - now) / static_cast<int>(methods_left);
    return options;
  }

  void answer(Method method) {
    switch (method) {
      case Method::frobenius:
      case Method::autolip:
        return product(method);
      case Method::seqlip:
        return by_seqlip(method, SeqLipMethod::certified);
      case Method::seqlip_exact:
        return by_seqlip(method, SeqLipMethod::exact);
      case Method::seqlip_greedy:
        return by_seqlip(method, SeqLipMethod::greedy);
      case Method::exact:
        return exactly();
      case Method::ascent: {
        AscentOptions options;
        fill(options);
        options.starts = options_.data;
        if (const BoundRow* upper = result_.best_upper()) options.enough = upper->value * (1.0 - 1e-9);
        return add(method, ascent_lower_bound(f_, sample_, options));
      }
      case Method::annealing: {
        AnnealingOptions options;
        fill(options);
        options.starts = options_.data;
        return add(method, annealing_lower_bound(f_, sample_, options));
      }
      case Method::grid: {
        GridOptions options;
        fill(options);
        options.box.reset();
        return add(method, grid_lower_bound(f_, Range::box(sample_.shape(), *options_.box), sample_.dtype(), options));
      }
      case Method::dataset: {
        LowerOptions options;
        fill(options);
        return add(method, dataset_lower_bound(f_, options_.data, options));
      }
      case Method::pairs: {
        PairsOptions options;
        fill(options);
        return add(method, pairs_lower_bound(f_, options_.data, options));
      }
    }
    throw UsageError("[sandwich] an unknown method was asked for; take those of all_methods()");
  }

  void fill(LowerOptions& options) const {
    static_cast<Options&>(options) = share_;
    options.norm = options_.norm;
    options.box = options_.box;
    options.sample_axis = options_.sample_axis;
  }

  void product(Method method) {
    AutoLipOptions options;
    static_cast<Options&>(options) = share_;
    options.norm = options_.norm;
    options.box = options_.box;
    options.sample_axis = options_.sample_axis;
    if (method == Method::frobenius) options.affine_norm = AffineNorm::frobenius;
    const AutoLipReport report = autolip(f_, sample_, options, where_);
    add(method, report.bound, report.status, report.note, report.seconds);
  }

  void by_seqlip(Method method, SeqLipMethod how) {
    SeqLipOptions options(share_);
    options.method = how;
    options.box = options_.box;
    options.sample_axis = options_.sample_axis;
    if (options_.seqlip_operations) options.operations = *options_.seqlip_operations;
    const SeqLipReport report = seqlip(f_, sample_, options, where_);
    add(method, report.bound, report.status, report.note, report.seconds);
  }

  void exactly() {
    ExactOptions options;
    static_cast<Options&>(options) = share_;
    options.norm = options_.norm;
    options.box = options_.box;
    options.sample_axis = options_.sample_axis;
    const ExactResult result = exact_constant(f_, sample_, options, where_);
    const std::string regions = cat(result.regions, " regions", result.note.empty() ? "" : "; ", result.note);
    add(Method::exact, result.upper, result.status, regions, result.seconds);
    add(Method::exact, result.lower, result.status, place(result.point), result.seconds, result.point);
  }

  void add(Method method, const UpperBound& bound, Status status, const std::string& note, double seconds) {
    result_.bounds.push_back({std::string(to_string(method)), Side::upper, bound.value(), bound.rigour(), status,
                              seconds, note, bound.explain()});
    result_.upper = result_.upper ? better(*result_.upper, bound) : bound;
  }
  void add(Method method, const LowerBound& bound, Status status, const std::string& note, double seconds,
           const Tensor& point) {
    result_.bounds.push_back({std::string(to_string(method)), Side::lower, bound.value(), bound.rigour(), status,
                              seconds, note, bound.explain()});
    const LowerBound best = result_.lower ? better(*result_.lower, bound) : bound;
    const bool kept = result_.lower && best.method() == result_.lower->method();
    if (!kept) result_.point = point;
    result_.lower = best;
  }
  void add(Method method, const LowerResult& found) {
    const std::string note = cat(place(found.point), found.partner.defined() ? " and " : "", place(found.partner));
    add(method, found.bound, found.status, note, found.seconds, found.point);
  }

  const Function& f_;
  const Tensor& sample_;
  const SandwichOptions& options_;
  Where where_;
  Options share_;
  Sandwich result_;
};

}  // namespace

std::string_view to_string(Method method) {
  for (const Named& named : names)
    if (named.method == method) return named.name;
  throw UsageError("[sandwich] an unknown method was asked for; take those of all_methods()");
}

Method method_named(std::string_view name) {
  std::string known;
  for (const Named& named : names) {
    if (named.name == name) return named.method;
    known += cat(known.empty() ? "" : ", ", named.name);
  }
  throw UsageError(cat("[sandwich] there is no method '", name, "'; there are ", known));
}

const std::vector<Method>& all_methods() {
  static const std::vector<Method> all = [] {
    std::vector<Method> methods;
    for (const Named& named : names) methods.push_back(named.method);
    return methods;
  }();
  return all;
}

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

std::vector<Method> default_methods(const Tensor& sample, const SandwichOptions& options) {
  std::vector<Method> methods{Method::frobenius, Method::autolip, Method::seqlip, Method::ascent};
  if (options.data.defined()) methods.push_back(Method::dataset);
  if (sample.size() <= 2) methods.push_back(Method::exact);
  if (options.norm != Norm::l2) std::erase_if(methods, needs_l2);
  return methods;
}

std::vector<Method> applicable_methods(const Tensor& sample, const SandwichOptions& options) {
  std::vector<Method> methods = all_methods();
  std::erase_if(methods, [&](Method method) {
    if (needs_l2(method)) return options.norm != Norm::l2;
    if (method == Method::exact) return sample.size() > 2;
    if (method == Method::grid) return sample.size() > 3 || !options.box;
    return (method == Method::dataset || method == Method::pairs) && !options.data.defined();
  });
  return methods;
}

Sandwich sandwich(const Function& f, const Tensor& sample, const SandwichOptions& options, Where where) {
  return Run(f, sample, options, where).run();
}

std::string summary(const Sandwich& s) {
  if (!s.lower && !s.upper) return "";
  const std::string lower = s.lower ? format_directed(s.lower->magnitude(), Side::lower) + " <= " : "";
  const std::string upper = s.upper ? " <= " + format_directed(s.upper->magnitude(), Side::upper) : "";
  std::string text = lower + "L" + upper;
  if (s.lower) text += cat(", lower end ", s.lower->rigour());
  if (s.upper) text += cat(", upper end ", s.upper->rigour());
  if (std::isfinite(s.ratio())) text += ", ratio " + digits(s.ratio(), 4);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Sandwich& sandwich) {
  std::vector<std::vector<std::string>> lines{{"method", "bound", "rigour", "seconds", ""}};
  for (const BoundRow& row : sandwich.bounds) {
    const std::string relation = row.is_estimate() ? "~ " : row.side == Side::upper ? "<= " : ">= ";
    lines.push_back({row.method, row.has_value() ? "L " + relation + format_directed(row.value, row.side) : "-",
                     row.has_value() ? to_string(row.rigour) : std::string(to_string(row.status)),
                     digits(row.seconds, 2), row.status == Status::cut ? "cut; " + row.note : row.note});
  }
  detail::print_table(out, lines);
  const std::string line = summary(sandwich);
  return line.empty() ? out : out << line << '\n';
}

}  // namespace taut
