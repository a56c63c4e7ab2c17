// What is known of the Lipschitz constant of a graph from its Jacobians, without the library: a lower estimate.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/range.h"
#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {

using Point = std::vector<Real>;
using Matrix = Eigen::MatrixXd;

double operator_norm(const Matrix& jacobian, Norm norm);

// A graph as a function of one vector: all inputs one behind the other, and so all outputs.
class Instance {
 public:
  // Open sizes of first axes are `samples`.
  Instance(const onnx::GraphData& graph, std::int64_t samples);

  std::size_t size() const { return size_; }
  // (outputs, inputs); nothing where a number of it is not finite. Invalid when the graph does not take these sizes.
  std::optional<Matrix> jacobian(const Point& x) const;
  // Nothing that is computed from the input is anything but an affine operation of it.
  bool affine_nodes() const;

 private:
  const onnx::GraphData& graph_;
  std::vector<Sizes> shapes_;
  std::size_t size_ = 0;
};

class Truth {
 public:
  Truth(const Instance& f, Norm norm, std::optional<Interval> box, std::uint64_t seed);

  void look_around(int points);                // all over the domain
  void climb(int points);                      // around the best point so far
  void look_near(const Point& x, int points);  // at distances from 1e-9 on

  double norm() const { return norm_; }  // the largest that was seen
  bool seen() const { return seen_; }    // at any point at all
  // Every Jacobian was the same: of an affine graph, `norm` is the constant itself.
  bool constant() const { return constant_; }
  const Point& point() const { return best_; }

 private:
  void look(Point x);
  Point somewhere();
  Real inside(Real x) const;

  const Instance& f_;
  Norm kind_;
  std::optional<Interval> box_;
  Random random_;
  Matrix first_;
  double norm_ = 0;
  bool seen_ = false, constant_ = true;
  Point best_, before_;  // the best point, and the one before it
};

}  // namespace taut::test::generated
