// What AutoLip says of networks of many kinds, with fresh weights: a finite bound, or +∞ with the operation that causes
// it and, on a box of inputs, a finite bound again.
#include "examples/support/architectures.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/support/program.h"
#include "lipschitz/autolip.h"
#include "nn/parameters.h"

namespace {

using namespace taut;

AutoLipReport bound_of(nn::Sequential& net, const Shape& sample, std::optional<Interval> box) {
  AutoLipOptions options;
  options.question.domain = Domain::box_or_reals(box);
  return autolip([&](const Var& x) { return net(x); }, Tensor::zeros(sample, DType::f32), options);
}

std::string written(const AutoLipReport& report) {
  const UpperBound& bound = report.bound;
  return bound.magnitude().is_infinite() ? "+inf" : format_directed(bound.magnitude(), Side::upper, 4);
}

void architectures(const examples::CommonOptions& options) {
  std::cout << std::left << std::setw(22) << "network" << std::right << std::setw(11) << "parameters" << std::setw(14)
            << "L <=" << std::setw(18) << "on [-1, 1] L <=" << std::setw(10) << "seconds"
            << "  rigour\n";
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const examples::Architecture& architecture : examples::architectures()) {
    if (options.quick && architecture.name == "ResNet-20") continue;
    nn::Random random(options.seed);
    nn::Sequential net = architecture.build(random);
    const AutoLipReport everywhere = bound_of(net, architecture.sample, std::nullopt);
    const AutoLipReport on_box = bound_of(net, architecture.sample, Interval{-1.0, 1.0});
    std::cout << std::left << std::setw(22) << architecture.name << std::right << std::setw(11)
              << nn::parameter_count(net) << std::setw(14) << written(everywhere) << std::setw(18) << written(on_box)
              << std::setw(10) << std::fixed << std::setprecision(2) << everywhere.seconds + on_box.seconds << "  "
              << on_box.bound.rigour() << '\n';
    if (everywhere.bound.magnitude().is_infinite()) std::cout << "    " << everywhere.note << '\n';
    results.push_back({{"name", architecture.name},
                       {"parameters", nn::parameter_count(net)},
                       {"status", to_string(everywhere.status)},
                       {"note", everywhere.note},
                       {"upper_on_box", on_box.bound.value()},
                       {"rigour", to_string(on_box.bound.rigour())}});
    if (std::isfinite(everywhere.bound.value())) results.back()["upper"] = everywhere.bound.value();
  }
  if (!options.json_file.empty()) examples::write_file(options.json_file, results.dump(2) + '\n');
}

}  // namespace

int main(int argc, char** argv) {
  return taut::examples::run_program(argc, argv, "AutoLip of networks of many kinds, with fresh weights.", {},
                                     architectures);
}
