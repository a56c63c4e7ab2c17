// Derivatives of what a tape has recorded, in reverse and forward mode, to any order.
//
// With create_graph the sweep itself is recorded on the tape and its results can be differentiated again; without it
// the results are plain tensors. Derivatives at kinks are those of docs/conventions.md.
#pragma once

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut {

struct DiffOptions {
  bool create_graph = false;
};

// cotangentᵀ · ∂y/∂wrt[i] into out[i] (zeros where y does not depend on it). cotangent: type of y; out[i]: type of
// wrt[i]. Reuses `out`, so a warm training loop allocates nothing. All Vars must lie on one tape.
void vjp(const Var& y, const Var& cotangent, std::span<const Var> wrt, std::span<Var> out, DiffOptions options = {});
Var vjp(const Var& y, const Var& cotangent, const Var& wrt, DiffOptions options = {});

// Gradients of a one-element y.
void grad(const Var& y, std::span<const Var> wrt, std::span<Var> out, DiffOptions options = {});
std::vector<Var> grad(const Var& y, std::span<const Var> wrt, DiffOptions options = {});
Var grad(const Var& y, const Var& wrt, DiffOptions options = {});

// Σ_i ∂y/∂wrt[i] · tangents[i], of y's type.
Var jvp(const Var& y, std::span<const Var> wrt, std::span<const Var> tangents, DiffOptions options = {});
Var jvp(const Var& y, const Var& wrt, const Var& tangent, DiffOptions options = {});

// Of functions. Each call records f once on a tape of its own.
using Function = std::function<Var(const Var&)>;
std::pair<Tensor, Tensor> value_and_grad(const Function& f, const Tensor& x);  // f must return one element
Tensor grad(const Function& f, const Tensor& x);
Tensor vjp(const Function& f, const Tensor& x, const Tensor& cotangent);
Tensor jvp(const Function& f, const Tensor& x, const Tensor& tangent);
// (size of f(x), size of x): row i is the gradient of output i. By rows or columns, whichever are fewer.
Tensor jacobian(const Function& f, const Tensor& x);
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v);  // Hessian times v, forward over reverse

}  // namespace taut

#pragma GCC visibility pop
