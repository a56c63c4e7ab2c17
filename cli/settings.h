// What a command line asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/norm.h"
#include "autodiff/outward.h"
#include "lipschitz/sandwich.h"
#include "nn/onnx/model.h"

namespace taut::cli {

// A command line that makes no sense: exit status 2.
class UsageMistake : public Error {
 public:
  using Error::Error;
};

struct Settings {
  std::string model;  // the file
  nn::onnx::ImportOptions import;
  Norm norm = Norm::l2;
  std::vector<Method> methods;  // none: the default ones
  bool all_methods = false;
  std::optional<Interval> box;
  std::optional<double> time_limit;  // seconds
  int threads = 1;
  std::uint64_t seed = 0;
  std::string data, report;  // files, "" for none
  bool json = false;
  bool spectrum = false;
  std::string shell;  // of `taut completion`
};

// The values of options, from their text. UsageMistake says what is expected.
Norm norm_of(const std::string& text);
void set_methods(Settings& settings, const std::string& text);  // "autolip,seqlip", "all"
Interval box_of(const std::string& text);                       // "-1:1"
std::vector<Index> shape_of(const std::string& text);           // "1x1x28x28"
int batch_axis_of(const std::string& text);                     // "0", "none"
double seconds_of(const std::string& text);                     // > 0
std::uint64_t whole_number_of(const std::string& text, std::uint64_t least, std::uint64_t most);

}  // namespace taut::cli
