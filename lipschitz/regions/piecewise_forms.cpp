// Affine forms through the steps of a tape, rounded and exact.
#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/regions/margins.h"
#include "lipschitz/regions/piecewise_tape.h"

namespace taut::detail {
namespace {

// C += A B, row-major.
void add_product(const std::vector<double>& a, const std::vector<double>& b, Index m, Index k, Index n,
                 std::vector<double>& c) {
  if (m == 0 || k == 0 || n == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(m), static_cast<blasint>(n),
              static_cast<blasint>(k), 1.0, a.data(), static_cast<blasint>(k), b.data(), static_cast<blasint>(n), 1.0,
              c.data(), static_cast<blasint>(n));
}

}  // namespace

void apply_piece(const Step& step, std::uint8_t piece, const double* value, const double* error, double* to,
                 double* to_error) {
  const double slope = step.slopes[piece], size = std::fabs(slope);
  const bool exact = slope == 0.0 || size == 1.0;
  for (std::size_t i = 0; i < coefficients; ++i) {
    to[i] = slope * value[i];
    to_error[i] = exact ? size * error[i] : slack * (size * error[i] + 2.0 * u * std::fabs(to[i]));
    const bool small = std::fabs(value[i]) < tiny || size < tiny || error[i] < tiny * tiny;
    if (!exact && small && (value[i] != 0.0 || error[i] != 0.0)) to_error[i] += underflow;
  }
  const Approximate& intercept = step.intercepts[piece];
  if (intercept.value == 0.0 && intercept.radius == 0.0) return;
  double &c = to[coefficients - 1], &e = to_error[coefficients - 1];
  const bool rounds = c != 0.0;
  c += intercept.value;
  e += intercept.radius;
  if (rounds) e = slack * (e + 2.0 * u * std::fabs(c));
}

Forms PiecewiseTape::input_forms(NodeId input, Index cells) const {
  Forms forms(size(input), cells);
  Index position = 0;
  for (const NodeId id : graph_.inputs()) {
    if (id == input) break;
    position += size(id);
  }
  for (Index row = 0; row < forms.rows; ++row)
    for (Index cell = 0; cell < cells; ++cell)
      forms.value[forms.at(row, cell) + static_cast<std::size_t>(position + row)] = 1.0;
  return forms;
}

// docs/mathematics/12-linear-regions.md#rounded-forms.
Forms PiecewiseTape::apply(const Step& step, const std::function<const Forms&(NodeId)>& operand) const {
  const Index cells = operand(step.parts.front().operand).cells, columns = cells * coefficients;
  Forms out(step.size, cells);
  Index terms = 4;
  for (const Step::Part& part : step.parts) terms += part.columns + 1;
  const double gamma = gamma_factor(terms, u);
  bool small = step.tiny;
  std::vector<double> source;
  for (const Step::Part& part : step.parts) {
    const Forms& in = operand(part.operand);
    add_product(part.matrix, in.value, step.size, part.columns, columns, out.value);
    if (step.copies) continue;
    const double relative = gamma + 1.5 * part.relative_error;
    source.resize(in.value.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
      const double magnitude = std::fabs(in.value[i]);
      source[i] = in.error[i] + relative * (magnitude + in.error[i]);
      small = small || (source[i] != 0.0 && source[i] < gamma * tiny);
      small = small || (magnitude != 0.0 && magnitude < tiny);
    }
    add_product(part.mass, source, step.size, part.columns, columns, out.error);
  }
  for (double& e : out.error) e = small ? e * slack + underflow : e * slack;
  for (Index row = 0; row < step.size; ++row) {
    const Approximate& offset = step.offset[static_cast<std::size_t>(row)];
    if (offset.value == 0.0 && offset.radius == 0.0) continue;
    for (Index cell = 0; cell < cells; ++cell) {
      const std::size_t at = out.at(row, cell) + coefficients - 1;
      const bool rounds = out.value[at] != 0.0;
      out.value[at] += offset.value;
      out.error[at] += offset.radius;
      if (rounds) out.error[at] = slack * (out.error[at] + 2.0 * u * std::fabs(out.value[at]));
    }
  }
  return out;
}

std::vector<ExactForm> PiecewiseTape::exact_forms(NodeId id, std::span<const std::uint8_t> pattern) const {
  std::vector<std::vector<ExactForm>> forms(scale_.size());
  std::vector<bool> needed(scale_.size());
  needed[id] = true;
  for (std::size_t k = steps_.size(); k-- > 0;) {
    const Step& step = steps_[k];
    if (!needed[step.id]) continue;
    for (const Step::Part& part : step.parts) needed[part.operand] = true;
    if (step.splits) needed[step.operand] = true;
  }
  std::size_t position = 0;
  for (const NodeId input : graph_.inputs())
    for (Index i = 0; i < size(input); ++i) {
      forms[input].emplace_back();
      forms[input].back()[position++] = Dyadic(1.0);
    }
  for (std::size_t k = 0; k < steps_.size(); ++k) {
    Step& step = steps_[k];
    if (!needed[step.id]) continue;
    for (Step::Part& part : step.parts)
      if (part.exact == nullptr) part.exact = std::make_shared<const ExactMatrix>(exact_matrix(part.map.map()));
    std::vector<ExactForm>& out = forms[step.id];
    out.resize(static_cast<std::size_t>(step.size));
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (step.splits) {
        const std::uint8_t piece = pattern[static_cast<std::size_t>(pattern_offset_[k]) + i];
        const Dyadic slope(step.slopes[piece]);
        for (std::size_t c = 0; c < coefficients; ++c) out[i][c] = slope * forms[step.operand][i][c];
        out[i].back() += step.exact_intercepts[piece];
        continue;
      }
      for (const Step::Part& part : step.parts)
        for (const ExactMatrix::Entry& e : part.exact->entries[i])
          for (std::size_t c = 0; c < coefficients; ++c)
            out[i][c] += e.value * forms[part.operand][static_cast<std::size_t>(e.column)][c];
      out[i].back() += Dyadic(step.exact_offset[i]);
    }
    if (step.id == id) break;
  }
  return std::move(forms[id]);
}

}  // namespace taut::detail
