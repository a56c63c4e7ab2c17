// The paper's figure "SeqLip in the ideal scenario" [ScamanVirmaux2018]: networks of random layers whose singular
// values are 1, r, …, r, and how far SeqLip is below AutoLip. AutoLip is 1 by construction.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "autodiff/outward.h"
#include "examples/paper/parts/analyses.h"
#include "examples/paper/parts/pairs.h"
#include "examples/paper/parts/report.h"
#include "examples/support/figure.h"

namespace {

using namespace taut;
using examples::Json;

constexpr std::array<double, 3> ratios{0.5, 0.1, 0.01};

struct Size {
  Index n = 100, layers, draws;
  explicit Size(bool quick) : layers(quick ? 4 : 10), draws(quick ? 2 : 9) {}
};

// Read off the paper's figure: layers, then a column per ratio. One random draw each, ±30 %.
constexpr std::array<std::array<double, 4>, 6> published{{{2, 0.70, 0.40, 0.34},
                                                          {3, 0.52, 0.21, 0.15},
                                                          {4, 0.38, 0.085, 0.067},
                                                          {5, 0.30, 0.037, 0.030},
                                                          {7, 0.15, 7.4e-3, 2.6e-3},
                                                          {10, 0.06, 9e-4, 1.1e-4}}};

std::optional<double> published_at(Index layers, std::size_t ratio) {
  for (const auto& row : published)
    if (row[0] == static_cast<double>(layers)) return row[ratio + 1];
  return std::nullopt;
}

double limit(Index layers) { return std::pow(std::numbers::pi, -static_cast<double>(layers - 1)); }

// SeqLip of every depth in one draw. A network of K layers has the pairs (1, 2), …, (K − 1, K); the first and the last
// layer keep their singular values whole, so that only the last pair differs from that of a deeper network.
Json draw_row(examples::Session& session, const Size& size, std::size_t ratio, Index draw) {
  nn::Random random(session.seed(), static_cast<std::uint64_t>(draw));  // the same layers for every ratio
  const std::vector<examples::IdealLayer> layers = examples::ideal_layers(size.layers, size.n, random);
  const double r = ratios[ratio];
  Json row{{"name", cat("r = ", examples::number(r), ", draw ", draw)}, {"r", r}, {"draw", draw}, {"n", size.n}};
  double greedy = 1.0, upper = 1.0;  // of the pairs before the last
  double closed = 1.0;
  row["values"] = {{{"layers", 1}, {"greedy", 1.0}, {"upper", 1.0}, {"rank_one", 1.0}}};
  for (Index k = 2; k <= size.layers; ++k) {
    const auto& earlier = layers[static_cast<std::size_t>(k - 2)];
    const auto& later = layers[static_cast<std::size_t>(k - 1)];
    const std::string stage = cat("r = ", examples::number(r), ", draw ", draw, ", layer ", k);
    const auto values = [&](bool last) {
      const auto pair = examples::ideal_pair(earlier, k == 2, later, last, r);
      return examples::pair_values(pair.left, pair.right, session.analysis(stage));
    };
    const examples::PairValues at_end = values(true);
    closed *= examples::rank_one_factor(earlier, later);
    row["values"].push_back({{"layers", k},
                             {"greedy", greedy * at_end.greedy.value},
                             {"upper", mul_up(upper, at_end.upper.value)},
                             {"rank_one", closed}});
    if (k == size.layers) break;
    const examples::PairValues inside = values(false);
    greedy *= inside.greedy.value;
    upper = mul_up(upper, inside.upper.value);
  }
  return row;
}

struct Quartiles {
  double low = 0.0, median = 0.0, high = 0.0;
};
// Of one figure over the draws of a ratio, at one depth; between two draws the value is interpolated.
std::optional<Quartiles> quartiles(const std::vector<Json>& rows, double r, Index layers, const char* figure) {
  std::vector<double> values;
  for (const Json& row : rows) {
    if (row["r"] != r) continue;
    for (const Json& value : row["values"])
      if (value["layers"] == layers && value[figure].is_number()) values.push_back(value[figure].get<double>());
  }
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  const auto at = [&](double share) {
    const double position = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const double next = values[std::min(below + 1, values.size() - 1)];
    return values[below] + (position - static_cast<double>(below)) * (next - values[below]);
  };
  return Quartiles{at(0.25), at(0.5), at(0.75)};
}

examples::Table table_of(const std::vector<Json>& rows, const Size& size) {
  examples::Table table{{"layers", "limit", "r → 0"}, {}};
  for (const double r : ratios)
    for (const std::string& column :
         {cat("r = ", examples::number(r)), std::string("quartiles"), std::string("at most"), std::string("paper")})
      table.columns.push_back(column);
  for (Index k = 1; k <= size.layers; ++k) {
    const auto rank_one = quartiles(rows, ratios[0], k, "rank_one");
    std::vector<std::string> cells{std::to_string(k), examples::number(limit(k), 3),
                                   rank_one ? examples::number(rank_one->median, 3) : "-"};
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      const auto greedy = quartiles(rows, ratios[i], k, "greedy"), upper = quartiles(rows, ratios[i], k, "upper");
      cells.push_back(greedy ? cat("~", examples::number(greedy->median, 3)) : "-");
      cells.push_back(greedy ? cat(examples::number(greedy->low, 3), " … ", examples::number(greedy->high, 3)) : "-");
      cells.push_back(upper ? examples::number(upper->median, 3) : "-");
      cells.push_back(examples::number(published_at(k, i), 3));
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

examples::Figure figure_of(const std::vector<Json>& rows, const Size& size) {
  examples::Figure figure;
  std::string plots =
      cat("plot [1:", size.layers, "] pi**(1-x) with lines lw 2 dt 2 lc 'black' title 'limit pi^{-(K-1)}'");
  constexpr std::array<const char*, 3> colours{"#1f77b4", "#d62728", "#2ca02c"};
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    std::vector<std::vector<double>> greedy, upper, paper;
    for (Index k = 1; k <= size.layers; ++k) {
      const auto layers = static_cast<double>(k);
      if (const auto q = quartiles(rows, ratios[i], k, "greedy"))
        greedy.push_back({layers, q->median, q->low, q->high});
      if (const auto q = quartiles(rows, ratios[i], k, "upper")) upper.push_back({layers, q->median});
      if (const auto value = published_at(k, i)) paper.push_back({layers, *value});
    }
    const std::string colour = cat(" lc rgb '", colours[i], "'"), r = cat("r = ", examples::number(ratios[i]));
    if (!greedy.empty()) {
      figure.commands += examples::data_block(cat("greedy", i), greedy);
      plots += cat(", $greedy", i, " with yerrorlines lw 2 pt 0", colour, " title '", r, ", greedy: quartiles'");
    }
    if (!upper.empty()) {
      figure.commands += examples::data_block(cat("upper", i), upper);
      plots += cat(", $upper", i, " with lines dt 3 lw 2", colour, " title '", r, ", certified upper bound'");
    }
    figure.commands += examples::data_block(cat("paper", i), paper);
    plots += cat(", $paper", i, " with points pt ", 4 + 2 * i, " ps 1.2", colour, " title '", r, ", paper'");
  }
  figure.commands +=
      "set logscale y\nset format y '10^{%T}'\nset xlabel 'layers K'\nset ylabel 'SeqLip / AutoLip'\n"
      "set key outside right\nset grid\n" +
      plots + "\n";
  return figure;
}

std::string csv_of(const std::vector<Json>& rows) {
  std::string csv = examples::csv_line({"r", "draw", "layers", "greedy", "upper", "rank_one"});
  const auto text = [](const Json& value) { return value.is_null() ? std::string() : value.dump(); };
  for (const Json& row : rows)
    for (const Json& v : row["values"])
      csv += examples::csv_line({text(row["r"]), text(row["draw"]), text(v["layers"]), text(v["greedy"]),
                                 text(v["upper"]), text(v["rank_one"])});
  return csv;
}

void run(const examples::SessionOptions& options) {
  examples::Session session("ideal_scenario", options);
  const Size size(session.quick());
  std::vector<Json> rows;
  for (std::size_t ratio = 0; ratio < ratios.size(); ++ratio)
    for (Index draw = 1; draw <= size.draws; ++draw)
      rows.push_back(session.row(cat("r ", examples::number(ratios[ratio]), ", draw ", draw),
                                 [&] { return draw_row(session, size, ratio, draw); }));

  examples::Report report{"SeqLip in the ideal scenario", {}, {}, {}, {}};
  report.introduction = {cat("SeqLip / AutoLip of networks of ", size.n, " × ", size.n,
                             " layers with singular values 1, r, …, r and "
                             "Haar-distributed singular vectors. Medians and quartiles of ",
                             size.draws, " draws; the paper has one draw, read off its figure (±30 %).")};
  report.parts = {{"", table_of(rows, size)}};
  report.notes = {
      "r = …: by the paper's greedy search, an estimate from below (~). At most: a certified upper bound of the same "
      "maximum, median. r → 0: the closed form for layers of rank one, at this size. Limit: π^-(K−1), for r → 0 and "
      "size → ∞."};
  const std::string failure = examples::draw(session.folder(), "ideal_scenario", figure_of(rows, size));
  if (failure.empty())
    report.pictures = {{"ideal_scenario.svg", "SeqLip / AutoLip by depth; marks are the paper's points"}};
  else
    report.notes.push_back(failure);
  examples::publish(session, report, rows, csv_of(rows));
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_paper_program(argc, argv, "SeqLip beside AutoLip for random layers, as in the paper's figure.",
                                     {}, run);
}
