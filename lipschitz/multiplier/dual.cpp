#include "lipschitz/multiplier/dual.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "lipschitz/bounds/draws.h"

namespace taut::detail {
namespace {

using Block = std::vector<double>;  // rows × signals

// A block that is searched for, with the moments of Adam's method [Kingma2015].
struct Variable {
  Block value, gradient, mean, square;
  double size = 1.0;  // of entries, roughly: steps are in proportion to it

  explicit Variable(std::size_t count) : value(count), gradient(count), mean(count), square(count) {}

  void measure() {
    double sum = 0.0;
    for (const double x : value) sum += std::fabs(x);
    size = sum / static_cast<double>(std::max<std::size_t>(value.size(), 1));
  }
  void ascend(double rate, int step) {
    constexpr double first = 0.9, second = 0.99, least = 1e-12;
    const double mean_scale = 1.0 / (1.0 - std::pow(first, step)), square_scale = 1.0 / (1.0 - std::pow(second, step));
    for (std::size_t i = 0; i < value.size(); ++i) {
      mean[i] = first * mean[i] + (1.0 - first) * gradient[i];
      square[i] = second * square[i] + (1.0 - second) * gradient[i] * gradient[i];
      value[i] += rate * size * mean[i] * mean_scale / (std::sqrt(square[i] * square_scale) + least);
    }
  }
};

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void add_multiple(double factor, const double* x, double* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] += factor * x[i];
}

class Dual {
 public:
  Dual(const Program& program, const std::vector<std::vector<double>>& roots, const DualOptions& dual)
      : program_(program),
        roots_(roots),
        dual_(dual),
        width_(static_cast<std::size_t>(dual.signals)),
        draws_(dual.seed) {
    variables_.emplace_back(static_cast<std::size_t>(program.inputs()) * width_);
    values_.resize(program.steps().size() + 1);
    gradients_.resize(values_.size());
    for (const ProgramStep& step : program.steps())
      variables_.emplace_back(static_cast<std::size_t>(step.size) * width_);
    operands_.resize(program.steps().size());
    bent_.resize(program.steps().size());
    radii_.resize(program.steps().size());
  }

  std::optional<Multipliers> run(const Budget& budget) {
    begin();
    for (int k = 0; k < dual_.steps; ++k) {
      if (budget.expired()) return std::nullopt;
      const double progress = static_cast<double>(k) / static_cast<double>(dual_.steps);
      smoothing_ = std::pow(20.0, 1.0 - std::min(1.0, progress / 0.8)) * dual_.smoothing;
      forward(false);
      backward();
      const double rate = 3.0 * dual_.rate * (1.0 - progress);
      for (Variable& variable : variables_) variable.ascend(rate, k + 1);
      normalise();
    }
    smoothing_ = dual_.smoothing;
    forward(false);
    backward();
    return multipliers();
  }

 private:
  // Directions of balls start at those of their operands.
  void begin() {
    for (double& x : variables_[0].value) x = draws_.normal();
    normalise_block(variables_[0].value.data(), variables_[0].value.size());
    forward(true);
    for (Variable& variable : variables_) variable.measure();
  }

  void normalise_block(double* x, std::size_t n) {
    const double length = std::sqrt(dot(x, x, n));
    if (!(length > 0.0)) return;
    for (std::size_t i = 0; i < n; ++i) x[i] /= length;
  }

  void normalise() {
    normalise_block(variables_[0].value.data(), variables_[0].value.size());
    for (std::size_t k = 0; k < program_.steps().size(); ++k) {
      Block& u = variables_[k + 1].value;
      const std::size_t length = program_.steps()[k].has_slopes() ? width_ : u.size();
      for (std::size_t i = 0; i < u.size(); i += length) normalise_block(u.data() + i, length);
    }
  }

  static void multiply(const Part& part, const std::vector<Block>& tensors, double* to, std::size_t width) {
    for (const Source& source : part.sources) {
      if (!source.sparse.from.empty()) {
        const SparseRows& rows = source.sparse;
        for (std::size_t i = 0; i + 1 < rows.from.size(); ++i)
          for (std::size_t e = rows.from[i]; e < rows.from[i + 1]; ++e)
            add_multiple(rows.entries[e], &tensors[source.tensor][static_cast<std::size_t>(rows.columns[e]) * width],
                         to + i * width, width);
        continue;
      }
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(part.rows),
                  static_cast<blasint>(width), static_cast<blasint>(source.matrix.columns), 1.0,
                  source.matrix.entries.data(), static_cast<blasint>(source.matrix.columns),
                  tensors[source.tensor].data(), static_cast<blasint>(width), 1.0, to, static_cast<blasint>(width));
    }
  }
  static void multiply_back(const Part& part, const double* from, std::vector<Block>& gradients, std::size_t width) {
    for (const Source& source : part.sources) {
      if (!source.sparse.from.empty()) {
        const SparseRows& rows = source.sparse;
        for (std::size_t i = 0; i + 1 < rows.from.size(); ++i)
          for (std::size_t e = rows.from[i]; e < rows.from[i + 1]; ++e)
            add_multiple(rows.entries[e], from + i * width,
                         &gradients[source.tensor][static_cast<std::size_t>(rows.columns[e]) * width], width);
        continue;
      }
      cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<blasint>(source.matrix.columns),
                  static_cast<blasint>(width), static_cast<blasint>(part.rows), 1.0, source.matrix.entries.data(),
                  static_cast<blasint>(source.matrix.columns), from, static_cast<blasint>(width), 1.0,
                  gradients[source.tensor].data(), static_cast<blasint>(width));
    }
  }

  double upper_slope(const ProgramStep& step, std::size_t i) const {
    return step.lo[i] + (step.hi[i] - step.lo[i]) * (1.0 + dual_.widening);
  }
  double gain() const { return 1.0 + dual_.widening; }

  void forward(bool choose) {
    values_[0] = variables_[0].value;
    for (std::size_t k = 0; k < program_.steps().size(); ++k) {
      const ProgramStep& step = program_.steps()[k];
      Block& y = operands_[k];
      y.assign(static_cast<std::size_t>(step.rows()) * width_, 0.0);
      std::size_t row = 0;
      for (const Part& part : step.parts) {
        multiply(part, values_, y.data() + row * width_, width_);
        row += static_cast<std::size_t>(part.rows);
      }
      Block& z = values_[k + 1];
      z.assign(static_cast<std::size_t>(step.size) * width_, 0.0);
      if (choose) choose_directions(step, y, variables_[k + 1].value);
      bent_[k].assign(z.size(), 0.0);
      if (step.has_slopes()) {
        through_slopes(k, step);
      } else {
        const double length = std::sqrt(dot(y.data(), y.data(), y.size()));
        radii_[k].assign(1, gain() * length);
        for (std::size_t i = 0; i < z.size(); ++i) z[i] = radii_[k][0] * variables_[k + 1].value[i];
      }
    }
    output_.assign(static_cast<std::size_t>(program_.output().rows) * width_, 0.0);
    multiply(program_.output(), values_, output_.data(), width_);
  }

  void choose_directions(const ProgramStep& step, const Block& y, Block& u) {
    for (std::size_t i = 0; i < u.size(); ++i) u[i] = draws_.normal();
    const std::size_t length = step.has_slopes() ? width_ : u.size();
    for (std::size_t i = 0; i < u.size(); i += length) {
      normalise_block(u.data() + i, length);
      if (!step.has_slopes()) continue;
      const double own = std::sqrt(dot(&y[i], &y[i], length));
      for (std::size_t r = 0; r < length; ++r) u[i + r] = 0.3 * u[i + r] + (own > 0.0 ? y[i + r] / own : 0.0);
      normalise_block(u.data() + i, length);
    }
  }

  // t = y/2 + R u, R² = ‖y‖²/4 + smoothing² G_ii / 4, z = a y + (b − a) t.
  void through_slopes(std::size_t k, const ProgramStep& step) {
    const Block &y = operands_[k], &u = variables_[k + 1].value;
    radii_[k].resize(static_cast<std::size_t>(step.size));
    for (std::size_t i = 0; i < radii_[k].size(); ++i) {
      const double* const yi = &y[i * width_];
      const double reach = smoothing_ * roots_[k][i];
      const double radius = 0.5 * std::sqrt(dot(yi, yi, width_) + reach * reach + 1e-60);
      radii_[k][i] = radius;
      const double a = step.lo[i], spread = upper_slope(step, i) - a;
      for (std::size_t r = 0; r < width_; ++r) {
        const double t = 0.5 * yi[r] + radius * u[i * width_ + r];
        values_[k + 1][i * width_ + r] = a * yi[r] + spread * t;
      }
    }
  }

  // The gradient of log ‖out‖² − log ‖x‖² with ‖x‖ = 1; of ‖out‖² by t, in bent_.
  void backward() {
    for (std::size_t k = 0; k < values_.size(); ++k) gradients_[k].assign(values_[k].size(), 0.0);
    square_ = dot(output_.data(), output_.data(), output_.size());
    Block by_output = output_;
    const double scale = square_ > 0.0 ? 2.0 / square_ : 0.0;
    for (double& x : by_output) x *= scale;
    multiply_back(program_.output(), by_output.data(), gradients_, width_);
    double by_input_length = -2.0;  // of log ‖x‖², and through the radii
    for (std::size_t k = program_.steps().size(); k-- > 0;) {
      const ProgramStep& step = program_.steps()[k];
      const Block &y = operands_[k], &u = variables_[k + 1].value, &gz = gradients_[k + 1];
      Block& gu = variables_[k + 1].gradient;
      Block gy(y.size(), 0.0);
      if (step.has_slopes()) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(step.size); ++i) {
          const std::size_t at = i * width_;
          const double a = step.lo[i], spread = upper_slope(step, i) - a, radius = radii_[k][i];
          const double by_radius = spread * dot(&gz[at], &u[at], width_), reach = smoothing_ * roots_[k][i];
          for (std::size_t r = 0; r < width_; ++r) {
            const double gt = spread * gz[at + r];
            bent_[k][at + r] = gt;
            gu[at + r] = radius * (gt - by_radius * u[at + r]);
            gy[at + r] = a * gz[at + r] + 0.5 * gt + by_radius * y[at + r] / (4.0 * radius);
          }
          by_input_length += by_radius * reach * reach / (4.0 * radius);
        }
      } else {
        const double radius = std::max(radii_[k][0], 1e-30), by_radius = dot(gz.data(), u.data(), u.size());
        for (std::size_t i = 0; i < u.size(); ++i) {
          bent_[k][i] = gz[i];
          gu[i] = radius * (gz[i] - by_radius * u[i]);
        }
        for (std::size_t i = 0; i < y.size(); ++i) gy[i] = by_radius * gain() * gain() * y[i] / radius;
      }
      std::size_t row = 0;
      for (const Part& part : step.parts) {
        multiply_back(part, gy.data() + row * width_, gradients_, width_);
        row += static_cast<std::size_t>(part.rows);
      }
    }
    for (std::size_t i = 0; i < gradients_[0].size(); ++i)
      variables_[0].gradient[i] = gradients_[0][i] + by_input_length * variables_[0].value[i];
  }

  // λ_i = ‖∂‖out‖²/∂t_i‖ / (4 R_i ρ) with ρ = ‖out‖² / ‖x‖²; half of 1 / (2 R ρ) for a gain.
  Multipliers multipliers() const {
    Multipliers roots;
    for (std::size_t k = 0; k < program_.steps().size(); ++k) {
      const ProgramStep& step = program_.steps()[k];
      std::vector<double> lambdas;
      const std::size_t length = step.has_slopes() ? width_ : bent_[k].size();
      double largest = 0.0;
      for (std::size_t i = 0; i * length < bent_[k].size(); ++i) {
        const double pull = std::sqrt(dot(&bent_[k][i * length], &bent_[k][i * length], length));
        const double radius = std::max(radii_[k][i], 1e-30);
        lambdas.push_back(pull / ((step.has_slopes() ? 4.0 : 2.0) * radius));  // bent_ has ρ divided out
        largest = std::max(largest, lambdas.back());
      }
      for (double& x : lambdas) x = std::sqrt(std::max(x, 1e-9 * largest));
      roots.push_back(std::move(lambdas));
    }
    return roots;
  }

  const Program& program_;
  const std::vector<std::vector<double>>& roots_;
  const DualOptions& dual_;
  std::size_t width_;
  Draws draws_;
  double smoothing_ = 0.0, square_ = 0.0;
  std::vector<Variable> variables_;  // the input, then a direction per step
  std::vector<Block> values_, gradients_, operands_, bent_;
  std::vector<Block> radii_;
  Block output_;
};

}  // namespace

std::optional<Multipliers> dual_multipliers(const Program& program, const std::vector<std::vector<double>>& roots,
                                            const DualOptions& dual, const Budget& budget) {
  return Dual(program, roots, dual).run(budget);
}

}  // namespace taut::detail
