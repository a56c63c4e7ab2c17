// AlexNet [Krizhevsky2014] as the paper bounds it, with fresh weights: the norms of its layers, AutoLip and greedy
// SeqLip, once as the paper counts (a max-pool is 1-Lipschitz) and once as it is certified.
#include <cmath>

#include "autodiff/error.h"
#include "examples/paper/parts/analyses.h"
#include "examples/paper/parts/networks.h"
#include "examples/paper/parts/report.h"
#include "lipschitz/graph.h"
#include "lipschitz/spectral.h"

namespace {

using namespace taut;
using examples::Json;

constexpr const char* weights_note =
    "The weights are random (Kaiming's initialisation, by the seed), not the pretrained ones of the paper: the "
    "absolute "
    "values cannot be compared, the ratios and the work can.";

// Where the network comes from. Weights of the published network will be read here once ONNX files can be.
nn::Sequential network(std::uint64_t seed, bool quick) {
  nn::Random random(seed);
  return quick ? examples::alexnet(random, 96, 512) : examples::alexnet(random);
}

constexpr Index triples(bool quick) { return quick ? 20 : 50; }

struct Layer {
  std::string name;
  LinearMap map;
};

// The layers with weights, in order, and the product of the l2 gains of the max-pools.
struct Layers {
  std::vector<Layer> all;
  double pools = 1.0;

  explicit Layers(const Var& output) {
    const Graph graph(output, "alexnet");
    for (const NodeId id : graph.nodes()) {
      if (!graph.varies(id) || graph.node(id).op == nullptr) continue;
      const Rule rule = graph.rule(id, {});
      if (const auto* selects = std::get_if<rule::Selects>(&rule))
        pools *= std::sqrt(static_cast<double>(selects->multiplicity));
      const auto* affine = std::get_if<rule::Affine>(&rule);
      if (affine == nullptr) continue;
      for (const LinearMap& map : affine->maps) {
        if (!map) continue;
        if (const auto* c = std::get_if<structure::Convolution>(&map.structure())) {
          const Shape& k = c->kernel.shape();
          all.push_back({cat("conv ", k[1], "→", k[0], " ", k[2], "×", k[3]), map});
        } else if (const auto* d = std::get_if<structure::Dense>(&map.structure())) {
          all.push_back({cat("dense ", d->weight.shape()[1], "→", d->weight.shape()[0]), map});
        }
      }
    }
  }
};

const char* name_of(const Rigour& rigour) {
  if (std::holds_alternative<Certified>(rigour)) return "certified";
  return std::holds_alternative<Probabilistic>(rigour) ? "probabilistic" : "estimate";
}

Json layer_row(examples::Session& session, const Layer& layer) {
  const Enclosure norm = operator_norm(layer.map, Norm::l2, {.budget = session.analysis(layer.name)});
  Json row{{"name", layer.name}, {"shape_in", cat(layer.map.in_shape())}, {"shape_out", cat(layer.map.out_shape())}};
  const char* const rigour = name_of(norm.upper.rigour());
  row["bounds"] = {{{"method", "norm"},
                    {"side", "upper"},
                    {"value", norm.upper.value()},
                    {"status", "finite"},
                    {"rigour", rigour},
                    {"seconds", norm.seconds},
                    {"note", norm.upper.method()}},
                   {{"method", "norm"},
                    {"side", "lower"},
                    {"value", norm.lower.value()},
                    {"status", "finite"},
                    {"rigour", name_of(norm.lower.rigour())},
                    {"seconds", norm.seconds},
                    {"note", norm.lower.method()}}};
  return row;
}

// A bound that holds of the network without its pools, or if pools were 1-Lipschitz, as the paper has it.
Json divided(const Json* bound, double pools, const std::string& method) {
  Json result = *bound;
  result["method"] = method;
  result["rigour"] = "estimate";
  result["note"] = "max-pools count 1, as in the paper";
  if (result["value"].is_number()) result["value"] = result["value"].get<double>() / pools;
  return result;
}

Json network_row(examples::Session& session, nn::Sequential& net, const Tensor& sample, double pools) {
  const examples::Analyses analyses{[&](const Var& x) { return net(x); }, sample, session.analysis("AlexNet")};
  Json row{{"name", "AlexNet"}, {"pools", pools}};
  examples::add(row, analyses.of(Method::autolip));
  examples::add(row, analyses.seqlip_greedy(triples(session.quick())));
  for (const char* method : {"autolip", "seqlip-greedy"})
    if (const Json* bound = examples::bound_of(row, method))
      row["bounds"].push_back(divided(bound, pools, cat(method, ", pools 1")));
  return row;
}

examples::Table network_table(const Json& row) {
  using examples::bound_of, examples::cell;
  const auto ratio = [&](const char* above, const char* below) {
    const auto a = examples::value_of(bound_of(row, above)), b = examples::value_of(bound_of(row, below));
    return a && b ? examples::number(*a / *b, 3) : "-";
  };
  examples::Table table{{"", "AutoLip", "Greedy SeqLip", "ratio"}, {}};
  table.rows = {{"Taut, random weights, pools count 1", cell(bound_of(row, "autolip, pools 1")),
                 cell(bound_of(row, "seqlip-greedy, pools 1")), ratio("autolip, pools 1", "seqlip-greedy, pools 1")},
                {"Taut, random weights, pools count their constant", cell(bound_of(row, "autolip")),
                 cell(bound_of(row, "seqlip-greedy")), ratio("autolip", "seqlip-greedy")},
                {"paper, pretrained, pools count 1", "3.62e7", "5.45e6", "6.6"}};
  return table;
}

examples::Table layer_table(const std::vector<Json>& rows) {
  examples::Table table{{"layer", "from", "to", "norm at least", "norm at most", "seconds"}, {}};
  for (const Json& row : rows) {
    const Json *upper = examples::bound_of(row, "norm", "upper"), *lower = examples::bound_of(row, "norm", "lower");
    table.rows.push_back({row["name"].get<std::string>(), row["shape_in"].get<std::string>(),
                          row["shape_out"].get<std::string>(), examples::cell(lower, 7), examples::cell(upper, 7),
                          examples::number((*upper)["seconds"].get<double>(), 2)});
  }
  return table;
}

void run(const examples::SessionOptions& options) {
  examples::Session session("alexnet", options);
  nn::Sequential net = network(session.seed(), session.quick());
  const Index image = session.quick() ? 96 : 224;
  const Tensor sample = Tensor::full(Shape{1, 3, image, image}, DType::f32, 0.5);
  Tape tape;
  const Layers layers(net(tape.input(sample)));

  std::vector<Json> rows;
  for (const Layer& layer : layers.all)
    rows.push_back(session.row(cat(rows.size() + 1, " ", layer.name), [&] { return layer_row(session, layer); }));
  const Json whole = session.row("AlexNet", [&] { return network_row(session, net, sample, layers.pools); });

  examples::Report report{
      session.quick() ? "AlexNet, on small images and with narrow dense layers" : "AlexNet", {}, {}, {}, {}};
  report.introduction = {std::string("**") + weights_note + "** " +
                         cat("Torchvision's layout, images (3, ", image, ", ", image, "), l2.")};
  report.parts = {{"The paper's figures", network_table(whole)}, {"Norms of the layers", layer_table(rows)}};
  report.notes = {
      std::string(examples::cell_legend),
      cat("Greedy SeqLip stands on the ", triples(session.quick()),
          " leading singular triples of every layer. Random layers have flat spectra, of which these are a small part, "
          "so "
          "that its ratio to AutoLip says more of what was cut off than of the network."),
      cat("The paper counts overlapping max-pools (3 × 3, stride 2) as 1-Lipschitz. In l2 each has a constant "
          "of 2, since a pixel can be the largest of four windows: together a factor of ",
          layers.pools, ". A value that counts them 1 is no bound of the network, whatever its other factors.")};
  rows.push_back(whole);
  examples::publish(session, report, rows);
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_paper_program(
      argc, argv, "AlexNet with fresh weights: norms of layers, AutoLip and greedy SeqLip.", {}, run);
}
