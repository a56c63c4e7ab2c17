// The worked example of the AutoLip paper [ScamanVirmaux2018]: f_w(x) = ln(1 + e^{x/2}) + |x/2 − w sin x|.
//
// The tape that computes a value also carries the rules that bound the constant: the bound is 1/2 + (1/2 + |w|), node
// by node.
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autodiff/ops.h"
#include "examples/support/program.h"
#include "lipschitz/autolip.h"

namespace {

using namespace taut;

Var f(const Var& x, const Var& w) {
  const Var half = x / 2.0;
  return softplus(half) + abs(half - w * sin(x));
}

AutoLipReport bound_for(double w) {
  Tape tape;
  const Var x = tape.input(Tensor::scalar(0.0), "x");
  return autolip(f(x, tape.constant(Tensor::scalar(w), "w")));
}

void autolip_graph(const examples::CommonOptions& options) {
  std::cout << "f_w(x) = ln(1 + e^{x/2}) + |x/2 - w sin x|, w = 2\n\n"
            << bound_for(2.0) << "\n     w   AutoLip   1 + |w|\n";
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const double w : {0.0, 0.5, -1.0, 2.0, -3.25, 10.0}) {
    const AutoLipReport report = bound_for(w);
    const double expected = 1.0 + std::fabs(w);
    std::cout << std::setw(6) << w << std::setw(10) << report.bound.value() << std::setw(10) << expected
              << (report.bound.value() == expected ? "  equal\n" : "  different\n");
    results.push_back({{"w", w},
                       {"autolip", report.bound.value()},
                       {"expected", expected},
                       {"rigour", to_string(report.bound.rigour())}});
  }
  // Without a box of inputs a product of two varying nodes has no finite constant, and that is an answer.
  Tape tape;
  const Var x = tape.input(Tensor::scalar(0.0), "x");
  AutoLipOptions box;
  box.question.domain = Domain::box(Interval{-1.0, 1.0});
  std::cout << "\nx sin x\n  on all reals: " << autolip(x * sin(x)).note
            << "\n  on [-1, 1]:   " << autolip(x * sin(x), box).bound << '\n';
  if (!options.json_file.empty()) examples::write_file(options.json_file, results.dump(2) + '\n');
}

}  // namespace

int main(int argc, char** argv) {
  return taut::examples::run_program(argc, argv, "AutoLip on the worked example of its paper, node by node.", {},
                                     autolip_graph);
}
