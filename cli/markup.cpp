#include "cli/markup.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace taut::cli {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
}

// Bytes of the character that begins here, 0 where there is none. Overlong forms and surrogates are none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  for (std::size_t k = 1; k < length; ++k)
    if (!continues(text, at + k)) return 0;
  if (length < 3) return length;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    const bool control = length == 1 && (static_cast<unsigned char>(c) < ' ' || c == '\x7f') && c != '\n' && c != '\t';
    if (length == 0 || control) {
      result += replacement;
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '&') {
      result += "&amp;";
    } else if (c == '"') {
      result += "&quot;";
    } else if (c == '\'') {
      result += "&#39;";
    } else {
      result += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t characters) {
  std::size_t count = 0, kept = 0;
  for (std::size_t at = 0; at < text.size(); at += std::max<std::size_t>(utf8_length(text, at), 1)) {
    if (++count == characters) kept = at;
    if (count > characters) return std::string(text.substr(0, kept)) + "…";
  }
  return std::string(text);
}

std::string coordinate(double x) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", x);
  return text;
}

std::string percent(double share) { return coordinate(100.0 * share) + "%"; }

LogAxis::LogAxis(double low, double high) : low_(std::log10(low)), high_(std::log10(high)) {
  const double room = std::max(0.1 * (high_ - low_), 0.15);
  low_ -= room;
  high_ += room;
}

double LogAxis::position(double x) const { return (std::log10(x) - low_) / (high_ - low_); }

std::string LogAxis::lines(double top, double bottom) const {
  constexpr int most = 6;
  std::vector<double> ticks;
  for (const int digits : {3, 2, 1}) {
    const int step = digits > 1 ? 1 : std::max(1, static_cast<int>(std::ceil((high_ - low_) / most)));
    ticks.clear();
    for (int exponent = static_cast<int>(std::floor(low_)); exponent <= high_; ++exponent)
      for (const int digit : {1, 2, 5}) {
        if ((digits == 1 && (digit != 1 || exponent % step != 0)) || (digits == 2 && digit == 2)) continue;
        const double at = exponent + std::log10(digit);
        if (at >= low_ && at <= high_) ticks.push_back(at);
      }
    if (ticks.size() <= most) break;
  }
  std::string text;
  for (const double tick : ticks) {
    const std::string x = percent((tick - low_) / (high_ - low_));
    char number[32];
    std::snprintf(number, sizeof number, "%.1g", std::pow(10.0, tick));
    if (tick >= -3.5 && tick < 6.0)
      std::snprintf(number, sizeof number, "%g", std::round(std::pow(10.0, tick) * 1e4) / 1e4);
    text += "<line class='tick' x1='" + x + "' x2='" + x + "' y1='" + coordinate(top) + "' y2='" + coordinate(bottom) +
            "'/><text class='small' text-anchor='middle' x='" + x + "' y='" + coordinate(bottom + 16) + "'>" + number +
            "</text>\n";
  }
  return text;
}

}  // namespace taut::cli
