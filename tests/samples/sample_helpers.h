// What the samples of a family have in common.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/ops.h"
#include "autodiff/primitive_list.h"
#include "autodiff/tape.h"
#include "harness/checks/numbers.h"
#include "harness/sample.h"

namespace taut::harness {

using Real = long double;

// One operand through every shape that an elementwise op must take: scalar, vector, matrix, more than any register
// holds, empty, rank 8. The options of `like` are kept; `exact` is f in long double, or null.
std::vector<Sample> elementwise_samples(const Sample& like, const Operand& operand,
                                        const std::function<Real(Real)>& exact);

// A reference that is elementwise in its one argument.
std::function<Tensor(std::span<const Tensor>)> elementwise_reference(const std::function<Real(Real)>& f);

// Two operands through broadcasting in every position: equal shapes, scalar, row, column, both stretched, long,
// empty, rank 8.
std::vector<Sample> broadcasting_samples(const Sample& like, const Operand& a, const Operand& b,
                                         const std::function<Real(Real, Real)>& exact);

// A sample of one operand.
Sample one_operand(std::string name, const Operand& operand, std::function<Var(const Var&)> f);

// A function of one operand without a finite slope over all reals: scalars (x, y) between which it grows by more than
// `growth`.
Sample without_constant(Sample like, std::function<std::pair<double, double>(double growth)> pair);
// Its witness in the shape of every sample's operand; an empty operand witnesses nothing.
std::vector<Sample> with_shaped_witness(std::vector<Sample> list);

inline Shape rank_8() { return {1, 2, 1, 3, 1, 1, 2, 1}; }

// The tensor of the given shape whose elements are f(index); index holds one entry per axis.
Tensor generate(const Shape& shape, const std::function<double(const std::vector<Index>&)>& f);
// Element at a multi-index.
double at(const Tensor& t, const std::vector<Index>& index);

// A witness that an op that multiplies its varying operands has no constant: every entry of them at t, then at t + 1.
// The operands are those of the primitive; the fixed ones are 1.
std::function<std::pair<Inputs, Inputs>(std::uint32_t, double)> product_witness(std::vector<Shape> operands);

// f on a tape: `f` itself when an operand lies on one, else a tape of its own and the plain value.
Var on_some_tape(std::span<const Var> operands, const std::function<Var(Tape&, std::span<const Var>)>& f);

}  // namespace taut::harness
