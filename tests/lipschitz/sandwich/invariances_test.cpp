// What bounds owe to the function alone: networks are transformed in ways that change the Lipschitz constant by a known
// factor, and every method has to follow. A method that forgets a layer, a branch or a bias cannot.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <map>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "lipschitz/search.h"
#include "lipschitz/seqlip.h"
#include "tests/lipschitz/sandwich/generated_nets.h"

namespace taut {
namespace {

using testing::Kind;
using testing::Net;
using testing::Random;
using testing::Relation;
using testing::Transformed;

enum class Sort { by_layers, greedy, whole_upper, whole_lower, search };

struct MethodRow {
  const char* name;
  Sort sort;
  bool l2_only;
  // Nothing where it cannot answer.
  std::function<std::optional<double>(const Net&, Norm)> value;

  // Multipliers of many neurons are as good as their optimisation.
  double accuracy(const Net& net) const { return sort == Sort::by_layers && net.has(Kind::convolution) ? 1e-5 : 0.0; }
};

double by_autolip(const Net& net, Norm norm, AffineNorm affine) {
  AutoLipOptions options;
  options.question.norm = norm;
  options.affine_norm = affine;
  return autolip(net, net.sample(), options).bound.value();
}
double by_seqlip(const Net& net, SeqLipMethod method) {
  SeqLipOptions options;
  options.method = method;
  return seqlip(net, net.sample(), options).bound.value();
}
std::optional<ExactResult> exactly(const Net& net, Norm norm) {
  if (net.inputs() > 2 || net.has(Kind::tanh) || net.has(Kind::group_sort) || net.has(Kind::max_pool))
    return std::nullopt;
  ExactOptions options;
  options.question.norm = norm;
  return exact_constant(net, net.sample(), options);
}
Tensor points(const Net& net) {
  Random random(77);
  return random.normals(net.input.with(0, 6)).to(net.dtype);
}
template <class SomeOptions>
SomeOptions in_norm(Norm norm) {
  SomeOptions options;
  options.question.norm = norm;
  return options;
}

const std::vector<MethodRow>& methods() {
  static const std::vector<MethodRow> all{
      {"frobenius", Sort::by_layers, true,
       [](const Net& net, Norm norm) { return by_autolip(net, norm, AffineNorm::frobenius); }},
      {"autolip", Sort::by_layers, false,
       [](const Net& net, Norm norm) { return by_autolip(net, norm, AffineNorm::spectral); }},
      {"seqlip", Sort::by_layers, true, [](const Net& net, Norm) { return by_seqlip(net, SeqLipMethod::certified); }},
      {"seqlip-exact", Sort::by_layers, true,
       [](const Net& net, Norm) -> std::optional<double> {
         if (net.has(Kind::convolution)) return std::nullopt;  // of some fifty neurons
         return by_seqlip(net, SeqLipMethod::exact);
       }},
      {"seqlip-greedy", Sort::greedy, true, [](const Net& net, Norm) { return by_seqlip(net, SeqLipMethod::greedy); }},
      {"exact, upper", Sort::whole_upper, false,
       [](const Net& net, Norm norm) -> std::optional<double> {
         if (const auto result = exactly(net, norm)) return result->upper.value();
         return std::nullopt;
       }},
      {"exact, lower", Sort::whole_lower, false,
       [](const Net& net, Norm norm) -> std::optional<double> {
         if (const auto result = exactly(net, norm)) return result->lower.value();
         return std::nullopt;
       }},
      {"dataset", Sort::search, false,
       [](const Net& net, Norm norm) {
         return dataset_lower_bound(net, points(net), in_norm<LowerOptions>(norm)).bound.value();
       }},
      {"pairs", Sort::search, false,
       [](const Net& net, Norm norm) {
         auto options = in_norm<PairsOptions>(norm);
         options.near_pairs = 24;
         return pairs_lower_bound(net, points(net), options).bound.value();
       }},
      {"ascent", Sort::search, false,
       [](const Net& net, Norm norm) {
         auto options = in_norm<AscentOptions>(norm);
         options.chains = 4;
         options.evaluations = 60;
         return ascent_lower_bound(net, net.sample(), options).bound.value();
       }},
      {"annealing", Sort::search, false,
       [](const Net& net, Norm norm) {
         auto options = in_norm<AnnealingOptions>(norm);
         options.chains = 4;
         options.steps = 12;
         return annealing_lower_bound(net, net.sample(), options).bound.value();
       }},
      {"grid", Sort::search, false,
       [](const Net& net, Norm norm) -> std::optional<double> {
         if (net.inputs() > 2) return std::nullopt;
         auto options = in_norm<GridOptions>(norm);
         options.resolution = 8;
         options.refinements = 1;
         return grid_lower_bound(net, Range::box(net.input, {-2.0, 2.0}), net.dtype, options).bound.value();
       }},
  };
  return all;
}

// Does a method have to follow this transformation?
bool has_to_follow(const MethodRow& method, const Transformed& t, Norm norm) {
  if (norm != Norm::l2 && (method.l2_only || t.l2_only)) return false;
  switch (method.sort) {
    case Sort::by_layers:
      return true;
    case Sort::greedy:
      return t.relation == Relation::equal && !t.other_search;
    case Sort::whole_upper:
    case Sort::whole_lower:
      return t.same_function;
    case Sort::search:
      return t.same_points;
  }
  return false;
}

// "" or what is wrong; `before`: the value of the net.
std::string violation(const MethodRow& method, const Net& net, const Transformed& t, Norm norm,
                      const std::optional<double>& before) {
  const std::optional<double> after = method.value(t.net, norm);
  if (!before || !after) return before || after ? "answers one of them only" : "";
  const double expected = t.factor * *before;
  // Transformed weights are rounded to the net's type.
  const double tolerance = t.exact ? 0.0 : std::max(net.dtype == DType::f32 ? 2e-5 : 1e-8, method.accuracy(net));
  const bool may_fall = t.relation == Relation::not_larger && method.sort == Sort::by_layers;
  const bool holds = *after <= expected * (1.0 + tolerance) && (may_fall || *after >= expected * (1.0 - tolerance));
  return holds ? "" : cat(*before, " becomes ", *after, ", expected ", expected);
}

std::vector<Norm> norms() { return {Norm::l2, Norm::l1, Norm::linf}; }

// All violations of a method on generated nets.
std::vector<std::string> violations(const MethodRow& method, int nets, std::uint64_t seed) {
  std::vector<std::string> found;
  Random random(seed);
  for (int k = 0; k < nets; ++k) {
    const Net net = testing::random_net(random, k);
    std::map<Norm, std::optional<double>> before;
    for (const testing::Transformation& transformation : testing::transformations()) {
      const auto t = transformation.apply(random, net);
      if (!t) continue;
      for (const Norm norm : norms()) {
        if (!has_to_follow(method, *t, norm)) continue;
        if (!before.contains(norm)) before[norm] = method.value(net, norm);
        if (!before[norm]) continue;  // no net of this kind
        const std::string wrong = violation(method, net, *t, norm, before[norm]);
        if (!wrong.empty())
          found.push_back(
              cat(method.name, ", ", norm, ", ", net.name, ' ', net.dtype, ", ", transformation.name, ": ", wrong));
      }
    }
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(invariances)

BOOST_AUTO_TEST_CASE(every_method_follows_every_transformation) {
  for (const MethodRow& method : methods()) {
    const bool slow = method.sort != Sort::by_layers;
    for (const std::string& wrong : violations(method, testing::iterations(slow ? 10 : 20), 831)) BOOST_ERROR(wrong);
  }
}

// Lower bounds of one, upper bounds of the other: they are bounds of one constant, up to the factor.
BOOST_AUTO_TEST_CASE(no_lower_bound_exceeds_an_upper_one_of_the_transformed_net) {
  Random random(832);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Net net = testing::random_net(random, k);
    for (const testing::Transformation& transformation : testing::transformations()) {
      const auto t = transformation.apply(random, net);
      if (!t || !t->same_function) continue;
      const double rounding = net.dtype == DType::f32 ? 2e-5 : 1e-8;
      for (const MethodRow& upper : methods()) {
        if (upper.sort != Sort::by_layers && upper.sort != Sort::whole_upper) continue;
        const auto most = upper.value(t->net, Norm::l2), least = methods()[7].value(net, Norm::l2);
        if (most && least)
          BOOST_TEST(*least * t->factor <= *most * (1.0 + rounding),
                     net.name << ", " << transformation.name << ", " << upper.name);
      }
    }
  }
}

// Faults that releases of others had, and this harness finds each.
BOOST_AUTO_TEST_CASE(faulty_methods_are_caught) {
  const auto autolip_of = [](const Net& net, Norm norm, std::size_t skipped) {
    AutoLipOptions options;
    options.question.norm = norm;
    double product = 1.0;
    for (std::size_t k = 0; k < net.stages.size(); ++k) {
      Net one = net;
      one.stages = {net.stages[k]};
      if (k == skipped || net.stages[k].kind != Kind::dense) continue;
      one.input = {1, net.stages[k].weight.shape()[1]};
      product *= autolip(one, one.sample(), options).bound.value();
    }
    return product;
  };
  const std::vector<MethodRow> faulty{
      {"forgets the first layer", Sort::by_layers, false,
       [&](const Net& net, Norm norm) { return autolip_of(net, norm, 0); }},
      {"forgets the last layer", Sort::by_layers, false,
       [&](const Net& net, Norm norm) { return autolip_of(net, norm, net.stages.size() - 1); }},
      {"counts stages", Sort::by_layers, false,
       [](const Net& net, Norm norm) {
         return by_autolip(net, norm, AffineNorm::spectral) * (1.0 + 1e-3 * static_cast<double>(net.stages.size()));
       }},
      {"counts neurons", Sort::by_layers, false,
       [](const Net& net, Norm norm) {
         double neurons = 0;
         for (const testing::Stage& s : net.stages)
           neurons += s.weight.defined() ? static_cast<double>(s.weight.size()) : 0.0;
         return by_autolip(net, norm, AffineNorm::spectral) * (1.0 + 1e-4 * neurons);
       }},
      {"the sum of the weights", Sort::by_layers, false,
       [](const Net& net, Norm) {
         double product = 1.0;
         for (const testing::Stage& s : net.stages) {
           double sum = 0.0;
           if (s.weight.defined())
             for (const double w : s.weight.data<double>()) sum += w;
           if (s.weight.defined()) product *= std::fabs(sum);
         }
         return product;
       }},
      {"l2 for every norm", Sort::by_layers, true,
       [](const Net& net, Norm) { return by_autolip(net, Norm::linf, AffineNorm::spectral); }},
      {"additive slack", Sort::by_layers, false,
       [](const Net& net, Norm norm) { return by_autolip(net, norm, AffineNorm::spectral) + 1e-6; }},
      {"depends on biases", Sort::by_layers, false,
       [](const Net& net, Norm norm) {
         return by_autolip(net, norm, AffineNorm::spectral) + 0.1 * std::fabs(net.stages.front().bias.at(0));
       }},
  };
  for (const MethodRow& method : faulty) BOOST_TEST(!violations(method, 10, 833).empty(), method.name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
