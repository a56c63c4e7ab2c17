#include "lipschitz/regions/plane_cells.h"

#include <cmath>

#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/regions/margins.h"

namespace taut::detail {
namespace {

constexpr double safe = 0x1p-800;

constexpr std::uint32_t horizontal = 0, vertical = 1, at_infinity = 2;  // Y = 0, X = 0, W = 0

using Triple = std::array<double, coefficients>;

// 2^-k times a triple and its errors, the largest entry between 1 and 2. Exact but for underflow.
void normalise(Triple& value, Triple& error) {
  double largest = 0.0;
  for (std::size_t i = 0; i < coefficients; ++i) largest = std::max({largest, std::fabs(value[i]), error[i]});
  if (!(largest > 0.0) || !std::isfinite(largest)) return;
  const int exponent = -std::ilogb(largest);
  if (exponent == 0) return;
  for (std::size_t i = 0; i < coefficients; ++i) {
    const double v = std::ldexp(value[i], exponent), e = std::ldexp(error[i], exponent);
    const bool lost = (value[i] != 0.0 && std::fabs(v) < safe) || (error[i] != 0.0 && e < underflow);
    value[i] = v;
    error[i] = lost ? e + underflow : e;
  }
}

// a d − b c with its error.
struct Minor {
  double value, error;
};
Minor minor(double a, double ea, double b, double eb, double c, double ec, double d, double ed) {
  const double ad = a * d, bc = b * c;
  const double of_terms = (std::fabs(a) + ea) * ed + ea * std::fabs(d) + (std::fabs(b) + eb) * ec + eb * std::fabs(c);
  double error = slack * (of_terms + 3.0 * u * (std::fabs(ad) + std::fabs(bc)));
  const bool small = (a != 0.0 && d != 0.0 && std::fabs(ad) < safe) || (b != 0.0 && c != 0.0 && std::fabs(bc) < safe) ||
                     (of_terms != 0.0 && of_terms < safe) ||
                     (of_terms == 0.0 && (ea != 0.0 || eb != 0.0 || ec != 0.0 || ed != 0.0));
  if (small) error += underflow;
  return {ad - bc, error};
}

ExactForm negated_if(ExactForm form, bool negative) {
  if (negative)
    for (Dyadic& x : form) x = -x;
  return form;
}

}  // namespace

const ExactForm& ExactSource::form(std::size_t entry) const {
  if (forms_.empty()) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(pattern_.data());
    forms_ = tape_.exact_forms(node_, {bytes, pattern_.size()});
  }
  return forms_[entry];
}

ExactForm Line::exact() const {
  if (source == nullptr) return {Dyadic(form.value[0]), Dyadic(form.value[1]), Dyadic(form.value[2])};
  ExactForm exact = source->form(entry);
  if (level != nullptr) exact[2] = exact[2] - *level;
  return exact;
}

Arrangement::Arrangement() {
  add({{{0.0, 1.0, 0.0}, {}}, nullptr, 0, nullptr, true});
  add({{{1.0, 0.0, 0.0}, {}}, nullptr, 0, nullptr, true});
  add({{{0.0, 0.0, 1.0}, {}}, nullptr, 0, nullptr, true});
}

std::uint32_t Arrangement::add(Line line) {
  normalise(line.form.value, line.form.error);
  lines_.push_back(std::move(line));
  return static_cast<std::uint32_t>(lines_.size() - 1);
}

std::vector<Cell> Arrangement::plane(bool upper_half_only) {
  const Edge right{vertical, false}, left{vertical, true}, up{horizontal, false}, down{horizontal, true};
  const Edge infinity_line{at_infinity, false};
  std::vector<Cell> quadrants{from_sides(std::array{up, infinity_line, right}),
                              from_sides(std::array{left, infinity_line, up})};
  if (upper_half_only) return quadrants;
  quadrants.push_back(from_sides(std::array{down, infinity_line, left}));
  quadrants.push_back(from_sides(std::array{right, infinity_line, down}));
  return quadrants;
}

Cell Arrangement::box(const Interval& x, const Interval& y) {
  const auto line = [&](double a, double b, double c) {
    return Edge{add({{{a, b, c}, {}}, nullptr, 0, nullptr, true}), false};
  };
  std::vector<Edge> sides;
  const bool from_below = std::isfinite(x.lo), from_above = std::isfinite(x.hi);
  if (from_below) sides.push_back(line(0.0, 1.0, -y.lo));
  if (from_above) sides.push_back(line(-1.0, 0.0, x.hi));
  if (from_below && !from_above) sides.push_back({at_infinity, false});
  if (from_above) sides.push_back(line(0.0, -1.0, y.hi));
  if (from_below) sides.push_back(line(1.0, 0.0, -x.lo));
  if (!from_below) sides.push_back({at_infinity, false});
  return from_sides(sides);
}

Cell Arrangement::from_sides(std::span<const Edge> sides) const {
  Cell cell;
  for (std::size_t i = 0; i < sides.size(); ++i)
    cell.push_back(meet(sides[(i + sides.size() - 1) % sides.size()], sides[i]));
  return cell;
}

bool Arrangement::touches_axis(const Cell& cell) const {
  return std::ranges::any_of(cell,
                             [](const Corner& c) { return c.edge.line == horizontal || c.edge.line == vertical; });
}

// The cross product of the two forms; with both turned to the inside of a cell that they bound in counter-clockwise
// order it points to the vertex, not away from it.
Corner Arrangement::meet(const Edge& before, const Edge& after) const {
  const Form &p = lines_[before.line].form, &q = lines_[after.line].form;
  const double sign = before.negative == after.negative ? 1.0 : -1.0;
  Corner corner;
  corner.edge = after;
  for (std::size_t i = 0; i < coefficients; ++i) {
    const std::size_t j = (i + 1) % coefficients, k = (i + 2) % coefficients;
    const Minor m =
        minor(p.value[j], p.error[j], p.value[k], p.error[k], q.value[j], q.error[j], q.value[k], q.error[k]);
    corner.value[i] = sign * m.value;
    corner.error[i] = m.error;
  }
  normalise(corner.value, corner.error);
  return corner;
}

void Arrangement::signs(const Cell& cell, const Line& line, std::vector<Sign>& signs) const {
  signs.resize(cell.size());
  const Triple &f = line.form.value, &e = line.form.error;
  for (std::size_t k = 0; k < cell.size(); ++k) {
    const Triple &v = cell[k].value, &r = cell[k].error;
    double sum = 0.0, error = 0.0, mass = 0.0;
    bool zero = true;
    for (std::size_t i = 0; i < coefficients; ++i) {
      const double product = f[i] * v[i], magnitude = std::fabs(f[i]) + e[i];
      sum += product;
      mass += std::fabs(product);
      error += magnitude * r[i] + e[i] * std::fabs(v[i]);
      zero = zero && ((f[i] == 0.0 && e[i] == 0.0) || (v[i] == 0.0 && r[i] == 0.0));
    }
    error = slack * (error + 4.0 * u * mass) + underflow;
    if (zero)
      signs[k] = 0;
    else if (std::fabs(sum) > error)  // false for NaN
      signs[k] = sum > 0.0 ? 1 : -1;
    else
      signs[k] = exact_sign(cell[(k + cell.size() - 1) % cell.size()].edge, cell[k].edge, line);
  }
}

Sign Arrangement::exact_sign(const Edge& before, const Edge& after, const Line& line) const {
  const Line &a = lines_[before.line], &b = lines_[after.line];
  if (!a.has_exact || !b.has_exact || !line.has_exact) return std::nullopt;
  ++exact_decisions_;
  const ExactForm p = negated_if(a.exact(), before.negative), q = negated_if(b.exact(), after.negative),
                  l = line.exact();
  Dyadic determinant;
  for (std::size_t i = 0; i < coefficients; ++i) {
    if (l[i].is_zero()) continue;
    const std::size_t j = (i + 1) % coefficients, k = (i + 2) % coefficients;
    determinant += l[i] * (p[j] * q[k] - p[k] * q[j]);
  }
  return determinant.sign();
}

std::pair<Cell, Cell> Arrangement::split(const Cell& cell, std::uint32_t line, std::span<const Sign> signs) const {
  Cell above, below;
  above.reserve(cell.size() + 1);
  below.reserve(cell.size() + 1);
  const Edge on{line, false};
  for (std::size_t k = 0; k < cell.size(); ++k) {
    const int here = *signs[k], next = *signs[(k + 1) % cell.size()];
    const Corner& corner = cell[k];
    if (here >= 0) {
      above.push_back(corner);
      if (here == 0 && next < 0) above.back().edge = on;
    }
    if (here <= 0) {
      below.push_back(corner);
      if (here == 0 && next > 0) below.back().edge = on.opposite();
    }
    if (here * next >= 0) continue;
    // The line leaves one part through this edge and enters the other.
    Corner crossing = here > 0 ? meet(corner.edge, on) : meet(on, corner.edge);
    Cell &left = here > 0 ? above : below, &entered = here > 0 ? below : above;
    crossing.edge = here > 0 ? on : on.opposite();
    left.push_back(crossing);
    crossing.edge = corner.edge;
    entered.push_back(crossing);
  }
  return {std::move(above), std::move(below)};
}

std::array<double, 2> Arrangement::inside(const Cell& cell) {
  std::array<double, 2> point{}, direction{};
  double finite = 0.0, size = 1.0;
  for (const Corner& c : cell) {
    const double w = c.value[2];
    const double x = c.value[0] / w, y = c.value[1] / w;
    if (!(w > 0.0) || !std::isfinite(x) || !std::isfinite(y)) continue;
    finite += 1.0;
    point[0] += (x - point[0]) / finite;
    point[1] += (y - point[1]) / finite;
    size = std::max({size, std::fabs(x), std::fabs(y)});
  }
  for (const Corner& c : cell) {
    if (c.value[2] > 0.0) continue;
    direction[0] += c.value[0];
    direction[1] += c.value[1];
  }
  return {point[0] + size * direction[0], point[1] + size * direction[1]};
}

}  // namespace taut::detail
