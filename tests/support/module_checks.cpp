#include "tests/support/module_checks.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "nn/parameters.h"

namespace taut::test {
namespace {

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0.0;
  for (Index i = 0; i < a.size(); ++i) sum += a.at(i) * b.at(i);
  return sum;
}

// In f64 the step 1e-6 leaves 1e-12 of truncation and 1e-16 / 1e-6 of rounding, relative to values of size 1 to 100.
void check_direction(nn::ModuleRef module, const Tensor& x, Tensor& moved, const Var& leaf, const Tensor& c,
                     const Var& y, nn::Random& random) {
  const Tensor direction = normal_tensor(moved.shape(), random);
  const double slope = inner(vjp(y, c, leaf).value(), direction);
  const Tensor before = moved;
  const auto value_at = [&](double h) {
    moved = before.copy();
    const auto numbers = moved.mutable_data<double>();
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += h * direction.data<double>()[i];
    const double value = inner(module(x).value(), c);
    moved = before;
    return value;
  };
  const double h = 1e-6;
  const double quotient = (value_at(h) - value_at(-h)) / (2.0 * h);
  BOOST_TEST(std::fabs(slope - quotient) <= 1e-7 * (1.0 + std::fabs(slope)));
}

}  // namespace

void check_gradients_of(nn::ModuleRef module, const Shape& input) {
  nn::Random random(11);
  Tensor x = normal_tensor(input, random);
  for (nn::Parameter* p : nn::parameters(module))
    if (p->trained) p->value = normal_tensor(p->value.shape(), random);
  Tape tape;
  const Var in = tape.input(x);
  const Var y = module(in);
  const Tensor c = normal_tensor(y.shape(), random);
  check_direction(module, x, x, in, c, y, random);
  for (nn::Parameter* p : nn::parameters(module))
    if (p->trained) check_direction(module, x, p->value, p->on(tape), c, y, random);
}

std::vector<std::string> parameter_names(nn::ModuleRef module) {
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : nn::named_parameters(module)) names.push_back(p.path);
  return names;
}

}  // namespace taut::test
