// Errors that name the line of the user's program. Internal to autodiff.
#pragma once

#include <string>
#include <string_view>

#include "autodiff/error.h"
#include "autodiff/where.h"

#pragma GCC visibility push(default)

namespace taut::detail {

// The message with its place, once: what is thrown inside and caught again further out has it already.
inline std::string placed(std::string_view message, Where where) {
  if (message.find(" (at ") != std::string_view::npos || where.line == 0) return std::string(message);
  return cat(message, " (at ", where, ')');
}

// f(), whose errors about shapes and types get the place.
template <class F>
decltype(auto) located(Where where, F&& f) {
  try {
    return f();
  } catch (const ShapeError& error) {
    throw ShapeError(placed(error.what(), where));
  } catch (const DTypeError& error) {
    throw DTypeError(placed(error.what(), where));
  }
}

}  // namespace taut::detail

#pragma GCC visibility pop
