// One call from a function to lower ≤ L ≤ upper: the analyses of this library, run within a time limit, and the best of
// what they prove.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/diff.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "lipschitz/methods.h"
#include "lipschitz/question.h"

#pragma GCC visibility push(default)

namespace taut {

struct Sandwich;

struct SandwichOptions {
  Question question{};
  Budget budget{};
  std::vector<Method> methods{};  // run in this order; none: default_methods()
  Tensor data{};        // (count, …), of the function's dtype: for dataset and pairs, and ascent starts there
  bool layers = false;  // also fill Sandwich::layers, in the last tenth of the time if need be
  std::optional<double> seqlip_operations{};  // SeqLipOptions::operations; none: its default
  // Called by the calling thread after every method, with what is proved by then.
  std::function<void(const Sandwich&)> so_far{};
};

// One line of a table of bounds.
struct BoundRow {
  std::string method;
  Side side = Side::upper;  // of estimates too, what they would be a bound of
  double value = 0.0;       // rounded to the safe side
  Rigour rigour = Estimate{};
  Status status = Status::finite;
  double seconds = 0.0;
  std::string note;  // why it is not finite, was cut or could not be computed; of lower bounds where they are attained
  std::string explanation = {};  // how it was obtained, Bound::explain()

  bool is_estimate() const { return std::holds_alternative<Estimate>(rigour); }
  bool has_value() const { return status == Status::finite || status == Status::cut; }
};

struct Sandwich {
  std::vector<BoundRow> bounds;
  std::optional<UpperBound> upper;  // the best; estimates only where there is nothing else
  std::optional<LowerBound> lower;
  std::vector<FoldedLayer> layers;  // as folded_layers() gives them, where they were asked for
  Tensor point;                     // at which `lower` is attained; undefined where no search was asked for

  double ratio() const;                // upper / lower of the values; infinity without either
  const BoundRow* best_upper() const;  // among the rows, never an estimate; null where there is none
  const BoundRow* best_lower() const;  // estimates only where there is nothing else
};

// Every method that lacks nothing under these options and for such a sample: what `taut bound --methods all` means.
std::vector<Method> applicable_methods(const Tensor& sample, const SandwichOptions& options);
// Those of them that run where `options.methods` is empty: the rows marked so in the table of methods.
std::vector<Method> default_methods(const Tensor& sample, const SandwichOptions& options);

// L of f at `sample`, one sample as autolip() takes it: finite numbers, which do not matter otherwise. Methods get
// equal shares of what is left of the time. One that cannot answer (`unsupported`) is a row that says why and no error;
// errors are those of autolip(), and UsageError for a method that lacks its data or its box.
Sandwich sandwich(const Function& f, const Tensor& sample, const SandwichOptions& options = {},
                  Where where = Where::current());

// "6.37 <= L <= 21.5, lower end certified, upper end certified, ratio 3.375", rounded outward; "" without any bound.
std::string summary(const Sandwich& sandwich);

// The table, and the sandwich in its last line. Upper bounds are rounded up, lower ones down.
std::ostream& operator<<(std::ostream& out, const Sandwich& sandwich);

}  // namespace taut

#pragma GCC visibility pop
