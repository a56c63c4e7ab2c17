#include "tests/onnx/generated/truth.h"

#include <Eigen/SVD>
#include <algorithm>
#include <set>
#include <utility>

#include "tests/onnx/generated/interpreter.h"

namespace taut::test::generated {

double operator_norm(const Matrix& jacobian, Norm norm) {
  if (jacobian.size() == 0) return 0;
  if (norm == Norm::l1) return jacobian.cwiseAbs().colwise().sum().maxCoeff();
  if (norm == Norm::linf) return jacobian.cwiseAbs().rowwise().sum().maxCoeff();
  return Eigen::JacobiSVD<Matrix>(jacobian).singularValues()(0);
}

Instance::Instance(const onnx::GraphData& graph, std::int64_t samples) : graph_(graph) {
  for (const onnx::GraphPort& port : graph.inputs) {
    Sizes shape;
    for (const onnx::Dimension& dim : *port.shape) shape.push_back(dim.size.value_or(samples));
    size_ += static_cast<std::size_t>(count(shape));
    shapes_.push_back(shape);
  }
}

std::optional<Matrix> Instance::jacobian(const Point& x) const {
  std::map<std::string, Value> inputs;
  std::size_t at = 0;
  for (std::size_t k = 0; k < shapes_.size(); ++k) {
    Value value = zeros(shapes_[k], graph_.inputs[k].type);
    for (Dual& e : value.numbers) {
      e.value = x[at];
      e.slope.assign(size_, 0);
      e.slope[at++] = 1;
    }
    inputs[graph_.inputs[k].name] = std::move(value);
  }
  const auto values = interpret(graph_, std::move(inputs));
  std::vector<const Dual*> rows;
  for (const onnx::GraphPort& port : graph_.outputs)
    for (const Dual& e : values.at(port.name).numbers) rows.push_back(&e);
  Matrix jacobian = Matrix::Zero(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(size_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(rows[i]->value)) return std::nullopt;
    for (std::size_t j = 0; j < rows[i]->slope.size(); ++j) {
      const auto entry = static_cast<double>(rows[i]->slope[j]);
      if (!std::isfinite(entry)) return std::nullopt;
      jacobian(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = entry;
    }
  }
  return jacobian;
}

bool Instance::affine_nodes() const {
  static const std::set<std::string> affine{"Add",
                                            "Sub",
                                            "Mul",
                                            "Div",
                                            "Sum",
                                            "Mean",
                                            "Neg",
                                            "Identity",
                                            "Cast",
                                            "Reshape",
                                            "Flatten",
                                            "Squeeze",
                                            "Unsqueeze",
                                            "Transpose",
                                            "Concat",
                                            "Slice",
                                            "Split",
                                            "Gather",
                                            "GatherElements",
                                            "Tile",
                                            "Expand",
                                            "Pad",
                                            "Trilu",
                                            "CumSum",
                                            "Where",
                                            "DepthToSpace",
                                            "SpaceToDepth",
                                            "MatMul",
                                            "Gemm",
                                            "Einsum",
                                            "Conv",
                                            "ConvTranspose",
                                            "BatchNormalization",
                                            "AveragePool",
                                            "GlobalAveragePool",
                                            "Resize",
                                            "Upsample",
                                            "ReduceSum",
                                            "ReduceMean",
                                            "Dropout"};
  std::set<std::string> varying;
  for (const onnx::GraphPort& port : graph_.inputs) varying.insert(port.name);
  for (const onnx::GraphNode& node : graph_.nodes) {
    const auto operands = std::ranges::count_if(node.inputs, [&](const std::string& i) { return varying.contains(i); });
    if (operands == 0 || node.op == "Shape" || node.op == "Size") continue;
    const bool product = node.op == "Mul" || node.op == "Div" || node.op == "MatMul" || node.op == "Gemm";
    if (!affine.contains(node.op) || (product && operands > 1)) return false;
    if (node.op == "Div" && varying.contains(node.inputs[1])) return false;
    if (node.op == "Where" && varying.contains(node.inputs[0])) return false;
    varying.insert(node.outputs.begin(), node.outputs.end());
  }
  return true;
}

Truth::Truth(const Instance& f, Norm norm, std::optional<Interval> box, std::uint64_t seed)
    : f_(f), kind_(norm), box_(box), random_(seed) {}

Real Truth::inside(Real x) const {
  if (!box_) return x;
  const Real lo = box_->lo, hi = box_->hi, off = (hi - lo) * 1e-9L;
  return std::clamp(x, lo + off, hi - off);
}

void Truth::look(Point x) {
  const std::optional<Matrix> jacobian = f_.jacobian(x);
  if (!jacobian) return;
  if (!seen_)
    first_ = *jacobian;
  else if (constant_)
    constant_ = (*jacobian - first_).norm() <= 1e-15 * first_.norm();
  const bool first = !seen_;
  seen_ = true;
  // Every norm is at most that of the moduli's sum.
  const double most = kind_ == Norm::l2 ? jacobian->norm() : jacobian->cwiseAbs().sum();
  if (!first && most <= norm_) return;
  const double norm = operator_norm(*jacobian, kind_);
  if (!first && norm <= norm_) return;
  norm_ = norm;
  before_ = std::exchange(best_, std::move(x));
}

// Off every kink that lies at round numbers or where numbers are equal: derivatives there may belong to no side.
Point Truth::somewhere() {
  Point x(f_.size());
  const auto shape = random_.whole(0, 5);
  const double scale = random_.of({1e-3, 0.1, 0.5, 1.0, 1.0, 2.0, 3.0, 5.0, 20.0, 300.0, 1e6});
  const double same = random_.normal();
  for (Real& e : x) {
    if (box_) {
      const Real lo = box_->lo, width = static_cast<Real>(box_->hi) - lo;
      const double corner = random_.uniform(0, 1e-6);
      Real share = shape == 0 ? corner : shape == 1 ? 1 - corner : random_.uniform(0, 1);
      if (shape == 2) share = random_.coin() ? corner : 1 - corner;
      if (shape == 3 && random_.coin()) share = random_.coin() ? corner : 1 - corner;
      e = lo + width * share;
    } else {
      const double kind = random_.uniform(0, 1);
      e = scale * random_.normal();
      if (shape == 0 && kind < 0.6) e *= 1e-6;
      if (shape == 1) e = scale * same * (1 + 1e-7 * random_.normal());
      if (shape == 2 && kind < 0.5) e = (random_.coin() ? 1 : -1) * scale * (1 + 1e-7 * random_.normal());
    }
  }
  return x;
}
void Truth::look_around(int points) {
  for (int i = 0; i < points; ++i) look(somewhere());
}
void Truth::climb(int points) {
  if (best_.empty()) return;
  for (int i = 0; i < points; ++i) {
    Point x = best_;
    if (before_.size() == x.size() && random_.chance(0.3)) {
      // On, as far as a share of the last step: towards what lies at an edge, ever closer.
      const double share = std::pow(10.0, random_.uniform(-2, 0.3));
      for (std::size_t k = 0; k < x.size(); ++k) x[k] = inside(x[k] + share * (x[k] - before_[k]));
      look(std::move(x));
      continue;
    }
    const double size = std::pow(10.0, random_.uniform(random_.coin() ? -13 : -3, 1));
    const bool one = random_.chance(0.4);
    const auto at = static_cast<std::size_t>(random_.whole(0, static_cast<std::int64_t>(x.size()) - 1));
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (one && k != at) continue;
      const double width = box_ ? box_->hi - box_->lo : 1;
      x[k] = inside(x[k] * (1 + size * 0.1 * random_.normal()) + 0.2 * width * size * random_.normal());
      if (random_.chance(0.02)) x[k] = inside(-x[k]);
    }
    look(std::move(x));
  }
}
void Truth::look_near(const Point& x, int points) {
  look(x);
  for (int i = 0; i < points; ++i) {
    Point y = x;
    const double size = std::pow(10.0, random_.uniform(-13, -1));
    const double least = random_.coin() ? 1 : 0;
    for (Real& e : y) {
      e += size * (least + static_cast<double>(std::fabs(e))) * random_.normal();
      if (box_) e = std::clamp(e, static_cast<Real>(box_->lo), static_cast<Real>(box_->hi));
    }
    look(std::move(y));
  }
}

}  // namespace taut::test::generated
