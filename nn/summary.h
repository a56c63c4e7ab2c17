// A net at a glance: its modules with shapes, parameters and Lipschitz constants.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "lipschitz/autolip.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct SummaryRow {
  std::string path;             // dotted, empty for the net itself
  std::string_view type;        // M::type_name
  std::optional<Shape> output;  // with one sample; none when the module was not used
  Index parameters = 0;         // trained numbers, those of the modules inside included
  Index untrained = 0;          // frozen ones and running statistics
  // AutoLip of this module alone, recorded at the input that it had in the net.
  std::optional<UpperBound> lipschitz;
  std::string note;  // why there is no finite bound
};

struct Summary {
  std::vector<SummaryRow> modules;  // each before those inside it, in the order of visit()
  SummaryRow net;
  Norm norm = Norm::l2;
};

// Runs the net once at `sample` (one sample: a first axis of size 1), in inference. Modules that are held as AnyModule
// are listed, as all are in Sequential, Residual, Concat and Add; what a module of your own holds under its type
// belongs to it. A module without a bound has a note; errors of the net itself are thrown. UsageError for more than one
// sample.
Summary summary(ModuleRef net, const Tensor& sample, const AutoLipOptions& options = {});

// A table with a line per module, indented by depth, and the net in the last line.
std::ostream& operator<<(std::ostream& out, const Summary& summary);

}  // namespace taut::nn

#pragma GCC visibility pop
