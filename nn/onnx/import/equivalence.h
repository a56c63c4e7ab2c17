// Whether one operator may stand for a part of a graph: what is recognised is proved to be what it is taken for.
// Internal to nn/onnx.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "autodiff/range.h"
#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {

// A pattern (patterns_parts.h) reads names and constants. It says nothing yet about shapes, by which a constant may
// enlarge what it meets, about attributes that it has not looked at, or about the version of an operator. So every
// replacement, whichever pattern proposes it, passes here (docs/mathematics/16-decompositions.md#tensors):
//   1. Closed: the value depends on the argument and on constants of the file, on nothing else.
//   2. Understood: between the argument and the value lie operators of a list, with attributes of that list only.
//   3. Elementwise: where an operator acts number by number, its result has the shape of an operand that depends on the
//      argument, so that constants never enlarge, and the replacement has the shape of what it replaces; in every run.
//   4. Equal: in exact arithmetic on the numbers of the file, both have values in enclosures that meet, in every entry,
//      at several points; the points are chosen so that other functions of the kind differ there, and where the
//      enclosures are too wide to tell, nothing is recognised.
class Equivalence {
 public:
  // `written`: the steps of the graph as it is in the file. `shapes`: of all values, for every run.
  Equivalence(const Program& program, std::vector<Step> written, std::vector<std::vector<Shape>> shapes);

  // May the node (its name and outputs aside) stand where `output` is computed?
  bool operator()(const std::string& output, const GraphNode& replacement) const;

 private:
  // A part of the graph, from one argument to one value.
  struct Part {
    int argument = -1, value = -1;
    std::vector<const Step*> steps;      // in the order of computation, those of constants among them
    std::set<int> dependent;             // values of it that depend on the argument's numbers
    std::vector<const Step*> constants;  // what the replacement needs that is not stored
    Step replacement;
  };
  std::optional<Part> part(const std::string& output, const GraphNode& replacement) const;
  // Steps that compute these values from `argument` and from exact constants; nothing if they depend on something else.
  std::optional<std::vector<const Step*>> closure(std::vector<int> values, int argument) const;
  bool given(int value) const;  // it is known exactly
  bool understood(const Part& part) const;
  bool shapes_fit(const Part& part, const std::vector<Shape>& shapes) const;
  bool values_meet(const Part& part, const Shape& shape) const;
  bool values_meet_on(const Part& part, const Shape& shape) const;
  Shape representative(const Part& part, const Shape& shape) const;
  // The value of the part, in f64, where the argument is x.
  Var run(const std::vector<const Step*>& steps, const Part& part, const Tensor& x, Tape* tape) const;
  Range enclosures(const std::vector<const Step*>& steps, const Part& part, const Tensor& x) const;

  const Program& program_;
  std::vector<Step> written_;
  std::vector<std::vector<Shape>> shapes_;
  std::vector<const Step*> producer_;  // of values
};

}  // namespace taut::nn::onnx
