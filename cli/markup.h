// Text for HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace taut::cli {

// For text and quoted attributes: < > & " ' are escaped, control characters and bytes that are not UTF-8 replaced.
std::string escaped(std::string_view text);
// At most so many characters, the last one an ellipsis where it is longer; not escaped.
std::string shortened(std::string_view text, std::size_t characters);
// Two digits behind the point, for coordinates.
std::string coordinate(double x);
// "43.21%"
std::string percent(double share);

// A logarithmic axis over [low, high]; positions are shares of its width.
class LogAxis {
 public:
  // Room at both ends is added; low ≤ high, both positive and finite.
  LogAxis(double low, double high);
  double position(double x) const;
  // Vertical lines with numbers at 1, 2 and 5 times powers of ten or at fewer of these, for an image of this height.
  std::string lines(double top, double bottom) const;

 private:
  double low_, high_;  // decimal logarithms
};

}  // namespace taut::cli
