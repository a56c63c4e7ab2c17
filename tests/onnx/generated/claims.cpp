#include "tests/onnx/generated/claims.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

#include "autodiff/error.h"
#include "nn/onnx/model.h"
#include "tests/onnx/generated/truth.h"

namespace taut::test::generated {
namespace {

constexpr double tolerance = 1e-12;

bool certified(const BoundRow& row) { return row.has_value() && std::holds_alternative<Certified>(row.rigour); }

template <class... T>
std::string said(const T&... parts) {
  std::ostringstream out;
  out.precision(17);
  (out << ... << parts);
  return out.str();
}

// A graph with every size that its open axes may have.
class Comparison {
 public:
  // open_is_one: the claims are about one sample of what is open, and say so.
  Comparison(const onnx::GraphData& graph, const Question& question, bool open_is_one)
      : graph_(graph), question_(question) {
    const bool open = std::ranges::any_of(graph.inputs, [](const onnx::GraphPort& port) {
      return std::ranges::any_of(*port.shape, [](const onnx::Dimension& d) { return !d.size; });
    });
    for (const std::int64_t samples : open && !open_is_one ? Sizes{1, 2, 3} : Sizes{1}) add(samples);
    if (instances_.empty() && nothing_left_) throw NothingLeft("no size leaves a number");
    if (instances_.empty()) throw Invalid("of no size");
    for (Truth& truth : truths_) {
      truth.look_around(question.points);
      truth.climb(question.points / 2);
    }
  }

  double largest() const {
    double most = 0;
    for (const Truth& t : truths_) most = std::max(most, t.norm());
    return most;
  }
  bool seen() const { return std::ranges::any_of(truths_, &Truth::seen); }
  bool affine() const {
    return std::ranges::all_of(truths_, [](const Truth& t) { return t.seen() && t.constant(); }) &&
           instances_.front().affine_nodes();
  }
  void climb(int points) {
    for (Truth& t : truths_) t.climb(points);
  }
  void look_near(const Tensor& point) {
    if (!point.defined() || graph_.inputs.size() != 1) return;
    for (std::size_t k = 0; k < truths_.size(); ++k) {
      Point x(instances_[k].size());
      const auto n = static_cast<std::size_t>(point.size());
      if (n == 0 || x.size() % n != 0) continue;
      // A point of one sample stands for as many samples as there are.
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = point.at(static_cast<Index>(i % n));
      truths_[k].look_near(x, 60);
      truths_[k].climb(60);
    }
  }

 private:
  void add(std::int64_t samples) {
    Instance instance(graph_, samples);
    try {
      instance.jacobian(Point(instance.size(), 0.3L));
    } catch (const NothingLeft&) {
      nothing_left_ = true;
      return;
    } catch (const Invalid&) {
      return;
    }
    instances_.push_back(instance);
    rebuild();
  }
  // Truths refer to their instances.
  void rebuild() {
    truths_.clear();
    for (const Instance& i : instances_) truths_.emplace_back(i, question_.norm, question_.box, question_.seed);
  }

  const onnx::GraphData& graph_;
  const Question& question_;
  std::vector<Instance> instances_;
  std::vector<Truth> truths_;
  bool nothing_left_ = false;
};

void compare_upper(const Sandwich& s, Comparison& c, std::vector<Finding>& findings) {
  for (const BoundRow& row : s.bounds)
    if (row.side == Side::upper && certified(row) && !(c.largest() <= row.value * (1 + tolerance))) {
      findings.push_back({Kind::upper_too_small, said(row.method, " <= ", row.value, " certified, a Jacobian has ",
                                                      c.largest(), ", ratio ", c.largest() / row.value)});
      return;
    }
}
void compare_lower(const Sandwich& s, Comparison& c, std::vector<Finding>& findings) {
  double upper = infinity;
  for (const BoundRow& row : s.bounds)
    if (row.side == Side::upper && certified(row)) upper = std::min(upper, row.value);
  for (const BoundRow& row : s.bounds) {
    if (row.side != Side::lower || !certified(row)) continue;
    if (row.value > upper * (1 + tolerance)) {
      findings.push_back({Kind::crossed, said(row.method, " >= ", row.value, ", certified above ", upper)});
      return;
    }
    if (c.affine() && row.value > c.largest() * (1 + tolerance)) {
      findings.push_back({Kind::lower_too_large, said(row.method, " >= ", row.value, " certified, the constant is ",
                                                      c.largest(), ", ratio ", row.value / c.largest())});
      return;
    }
    // Quotients of points that lie apart are not met by Jacobians at once, and at jumps by none.
    constexpr double near = 1e-2;
    if (!std::isfinite(upper)) continue;
    if (c.seen() && row.value > c.largest() * (1 + near)) c.look_near(s.point);
    if (c.seen() && row.value > c.largest() * (1 + near)) c.climb(300);
    if (c.seen() && row.value > c.largest() * (1 + near)) {
      findings.push_back({Kind::lower_unreached, said(row.method, " >= ", row.value, " certified, no Jacobian above ",
                                                      c.largest(), " was seen; ", row.note)});
      return;
    }
  }
}
// Behind a constant that does not exist, Jacobians grow for as long as one looks.
bool grows(Comparison& c) {
  int idle = 0;
  for (int round = 0; round < 8 && idle < 3; ++round) {
    const double before = c.largest();
    c.climb(120);
    idle = c.largest() < 1.5 * before ? idle + 1 : 0;
    if (c.largest() > 1e7) return true;
  }
  return idle < 3;
}
void compare_unbounded(const Sandwich& s, Comparison& c, std::vector<Finding>& findings) {
  for (const BoundRow& row : s.bounds)
    if (row.status == Status::unbounded && c.seen()) {
      if (!grows(c))
        findings.push_back({Kind::unbounded_unproved,
                            said(row.method, " unbounded, no Jacobian above ", c.largest(), " was seen; ", row.note)});
      return;
    }
}

// The reason without the names of values, so that reasons can be counted.
std::string general(std::string text) {
  if (const std::size_t colon = text.find("): "); colon != std::string::npos) {
    const std::size_t open = text.rfind('(', colon);
    text = text.substr(open + 1, colon - open - 1) + ": " + text.substr(colon + 3);
  }
  std::string result;
  for (const char c : text)
    if (!std::isdigit(static_cast<unsigned char>(c)))
      result += c;
    else if (result.empty() || result.back() != '#')
      result += '#';
  return result;
}

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::string_view names[] = {"upper too small", "lower too large",    "crossed",
                                        "lower unreached", "unbounded unproved", "failure"};
  return names[static_cast<std::size_t>(kind)];
}

Question question_of(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Question q;
  q.norm = random.of({Norm::l2, Norm::l2, Norm::l1, Norm::linf});
  q.seed = seed;
  if (random.chance(0.4)) {
    const double lo = random.of({-1.0, 0.0, 0.5, -3.0, -0.25, random.normal()});
    q.box = Interval{lo, lo + random.of({1.0, 2.0, 0.5, 1e-3, 6.0})};
  }
  return q;
}
std::string text_of(const Question& q) {
  return q.box ? said(q.norm, " on the box ", q.box->lo, ":", q.box->hi) : said(q.norm);
}

Outcome check(const onnx::GraphData& as_given, const Question& question) {
  onnx::GraphData graph = as_given;
  remove_unused(graph);
  Outcome outcome;
  Sandwich s;
  bool open_is_one = false;
  try {
    const onnx::Model model = onnx::Model::of(graph);
    open_is_one = std::ranges::any_of(
        model.notes(), [](const std::string& n) { return n.find("is taken as 1") != std::string::npos; });
    SandwichOptions options;
    options.question.sample_axis = no_sample_axis;  // the model proves what one sample is
    options.question.norm = question.norm;
    options.question.domain = Domain::box_or_reals(question.box);
    options.budget.within(std::chrono::seconds(4));
    s = sandwich(model.function(), model.sample(), options);
  } catch (const Error& error) {
    outcome.refusal = general(error.what());
    return outcome;
  } catch (const std::exception& error) {
    outcome.findings.push_back({Kind::failure, error.what()});
    return outcome;
  }
  outcome.finite = std::ranges::any_of(s.bounds, [](const BoundRow& row) {
    return row.side == Side::upper && certified(row) && std::isfinite(row.value);
  });
  try {
    Comparison comparison(graph, question, open_is_one);
    compare_upper(s, comparison, outcome.findings);
    compare_lower(s, comparison, outcome.findings);
    compare_unbounded(s, comparison, outcome.findings);
  } catch (const NothingLeft&) {
    return outcome;  // no numbers, no Jacobians
  } catch (const Invalid& error) {
    outcome.findings.push_back({Kind::failure, said("a graph that ONNX does not allow is accepted: ", error.what())});
  }
  return outcome;
}

}  // namespace taut::test::generated
