#include "lipschitz/domain.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"

namespace taut {
namespace {

Shape without_leading_ones(const Shape& shape) {
  Shape core = shape;
  while (core.rank() > 0 && core[0] == 1) core = core.without(0);
  return core;
}

void require_interval(double lo, double hi, const std::string& where) {
  if (!(lo <= hi))
    throw DomainError(cat("[domain] a box needs lo <= hi, got [", lo, ", ", hi, "]", where,
                          std::isnan(lo) || std::isnan(hi) ? "; leave out NaN" : "; exchange the ends"));
}

// The number of type T that is nearest to x on the side of c, so that the distance to c does not grow.
template <class T>
T towards(double x, double c) {
  const T t = static_cast<T>(x);
  const double rounded = static_cast<double>(t);
  if (x <= c && rounded < x) return std::nextafter(t, std::numeric_limits<T>::infinity());
  if (x >= c && rounded > x) return std::nextafter(t, -std::numeric_limits<T>::infinity());
  return t;
}

// ‖x − c‖, never too small.
template <class Numbers>
double distance_up(const Numbers& x, std::span<const double> c, Norm norm) {
  double sum = 0.0;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const auto xi = static_cast<double>(x[i]);
    const double d = std::max(sub_up(xi, c[i]), sub_up(c[i], xi));
    if (std::isnan(d)) return infinity;
    sum = norm == Norm::linf ? std::max(sum, d) : add_up(sum, norm == Norm::l1 ? d : mul_up(d, d));
  }
  return norm == Norm::l2 ? sqrt_up(sum) : sum;
}

Range around(const Tensor& centre, double radius) {
  return map_range({centre, centre}, [&](const Interval& c) {
    return Interval{sub_down(c.lo, radius), add_up(c.hi, radius)};
  });
}

}  // namespace

Domain Domain::box(const Interval& every_entry) {
  require_interval(every_entry.lo, every_entry.hi, "");
  Domain domain;
  domain.kind_ = Kind::uniform;
  domain.uniform_ = every_entry;
  return domain;
}

Domain Domain::box_or_reals(const std::optional<Interval>& every_entry) {
  return every_entry ? box(*every_entry) : Domain();
}

Domain Domain::box(const Tensor& lo, const Tensor& hi) {
  if (lo.shape() != hi.shape())
    throw ShapeError(cat("[domain] both ends of a box need one shape, got ", lo.shape(), " and ", hi.shape()));
  for (Index i = 0; i < lo.size(); ++i) require_interval(lo.at(i), hi.at(i), cat(" at entry ", i));
  Domain domain;
  domain.kind_ = Kind::box;
  domain.box_ = {lo.to(DType::f64).copy(), hi.to(DType::f64).copy()};
  return domain;
}

Domain Domain::ball(const Tensor& centre, double radius, Norm norm) {
  if (const Index at = centre.first_non_finite(); at >= 0)
    throw NumericError(cat("[domain] the centre of a ball must be finite, entry ", at, " is ", centre.at(at)));
  if (!(radius >= 0.0) || std::isinf(radius))
    throw DomainError(cat("[domain] the radius of a ball must be a finite number >= 0, got ", radius));
  Domain domain;
  domain.kind_ = Kind::ball;
  domain.centre_ = centre.to(DType::f64).copy();
  domain.box_ = around(domain.centre_, radius);
  domain.radius_ = radius;
  domain.norm_ = norm;
  return domain;
}

bool Domain::is_point() const {
  if (kind_ == Kind::ball) return radius_ == 0.0;
  if (uniform_) return uniform_->lo == uniform_->hi;
  if (kind_ == Kind::reals) return false;
  return std::ranges::equal(box_.lo.data<double>(), box_.hi.data<double>());
}

Range Domain::range(const Shape& input) const {
  if (kind_ == Kind::reals) return {};
  if (uniform_) return Range::box(input, *uniform_);
  if (without_leading_ones(input) != without_leading_ones(box_.shape()))
    throw ShapeError(cat("[domain] the domain is ", describe(), ", but the input has the shape ", input,
                         "; give the domain the shape of one input"));
  return {box_.lo.reshaped(input), box_.hi.reshaped(input)};
}

bool Domain::contains(const Tensor& points) const {
  if (kind_ == Kind::reals) return true;
  const Index of_one = uniform_ ? 1 : box_.lo.size();
  for (Index first = 0; first < points.size(); first += of_one)
    if (!contains_row(points, first)) return false;
  return true;
}

bool Domain::contains_row(const Tensor& points, Index first) const {
  if (uniform_) return uniform_->contains(points.at(first));
  std::vector<double> row;
  for (Index i = 0; i < box_.lo.size(); ++i) row.push_back(points.at(first + i));
  if (kind_ == Kind::ball) return distance_up(row, centre_.data<double>(), norm_) <= radius_;
  for (Index i = 0; i < box_.lo.size(); ++i)
    if (!box_.at(i).contains(row[static_cast<std::size_t>(i)])) return false;
  return true;
}

void Domain::clamp(Tensor& points) const {
  if (kind_ == Kind::reals) return;
  dispatch(points.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto all = points.mutable_data<T>();
    const std::size_t of_one = uniform_ ? 1 : static_cast<std::size_t>(box_.lo.size());
    for (std::size_t first = 0; first < all.size(); first += of_one) {
      const auto row = all.subspan(first, of_one);
      if (kind_ == Kind::ball)
        shrink_row<T>(row);
      else
        clamp_row<T>(row);
    }
  });
}

template <class T>
void Domain::clamp_row(std::span<T> row) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Interval side = uniform_ ? *uniform_ : box_.at(static_cast<Index>(i));
    row[i] = std::max(std::min(row[i], towards<T>(side.hi, -infinity)), towards<T>(side.lo, infinity));
  }
}

// x ← c + s (x − c), rounded towards c, with s falling until the distance is proved. A coordinate between which and c
// no number of type T lies may move past c; where the radius does not allow that, no such point is in the ball.
template <class T>
void Domain::shrink_row(std::span<T> row) const {
  const auto c = centre_.data<double>();
  const double distance = distance_up(row, c, norm_);
  if (distance <= radius_) return;
  const std::vector<double> from(row.begin(), row.end());
  double share = std::isfinite(distance) ? radius_ / distance : 0.0;
  for (const double slack : {0.0, 0x1p-50, 0x1p-40, 0x1p-20, 1.0}) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double x = slack == 1.0 || share == 0.0 ? c[i] : c[i] + share * (1.0 - slack) * (from[i] - c[i]);
      row[i] = slack == 1.0 ? static_cast<T>(x) : towards<T>(x, c[i]);
    }
    if (distance_up(row, c, norm_) <= radius_) return;
  }
}

std::string Domain::describe() const {
  switch (kind_) {
    case Kind::reals:
      return "all reals";
    case Kind::uniform:
      return cat("the box [", uniform_->lo, ", ", uniform_->hi, "]");
    case Kind::box:
      return cat("the box of shape ", box_.shape());
    case Kind::ball:
      return cat("the ", norm_, " ball of radius ", radius_, " around a point of shape ", centre_.shape());
  }
  return "";
}

}  // namespace taut
