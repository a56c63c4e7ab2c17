// Where the inputs of a function lie: everywhere, in a box, or in a ball around a point.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "autodiff/norm.h"
#include "autodiff/range.h"
#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut {

// A convex set of inputs. What a method knows about boxes only it does on range(shape), the smallest box around the set
// up to rounding outward, so that upper bounds hold for the set; points of lower bounds lie in the set itself.
//
// Tensors that describe a set have the shape of one input, with or without the axes of size 1 in front of it: (3) for
// inputs (1, 3). Their numbers are taken as they are, whatever the dtype. A uniform box fits inputs of every shape.
class Domain {
 public:
  Domain() = default;  // all reals

  // Every entry in one interval, whose ends may be infinite. DomainError unless lo ≤ hi.
  static Domain box(const Interval& every_entry);
  static Domain box_or_reals(const std::optional<Interval>& every_entry);
  // Entry by entry, ends may be infinite. ShapeError (lo and hi differ in shape), DomainError (NaN, lo > hi).
  static Domain box(const Tensor& lo, const Tensor& hi);
  // ‖x − centre‖ ≤ radius. NumericError (a centre that is not finite), DomainError (a radius that is negative, NaN or
  // infinite).
  static Domain ball(const Tensor& centre, double radius, Norm norm);

  bool bounded() const { return kind_ != Kind::reals; }  // is it anything but all reals?
  bool is_ball() const { return kind_ == Kind::ball; }
  bool is_point() const;  // a ball of radius 0, or a box without any length
  // The interval of every entry, where the set was made of one.
  const std::optional<Interval>& uniform() const { return uniform_; }

  // Around the set, for an input of this shape; an undefined range for all reals. ShapeError where the set is of
  // another shape.
  Range range(const Shape& input) const;

  // Is every row of points (count, …) proved to lie in it? A row holds as many numbers as one input.
  bool contains(const Tensor& points) const;
  // Moves every row into the set, to numbers of the dtype of `points`: entries of a box to the nearest ones, points
  // outside of a ball along the line to its centre. Where no such number lies in the set the row stays outside.
  void clamp(Tensor& points) const;

  // "all reals", "the box [0, 1]", "the box of shape (3)", "the l2 ball of radius 0.1 around a point of shape (3)"
  std::string describe() const;

 private:
  enum class Kind : unsigned char { reals, uniform, box, ball };

  bool contains_row(const Tensor& points, Index first) const;
  template <class T>
  void clamp_row(std::span<T> row) const;
  template <class T>
  void shrink_row(std::span<T> row) const;

  Kind kind_ = Kind::reals;
  std::optional<Interval> uniform_;
  Range box_;      // of boxes entry by entry and around balls
  Tensor centre_;  // f64
  double radius_ = 0.0;
  Norm norm_ = Norm::linf;
};

}  // namespace taut

#pragma GCC visibility pop
