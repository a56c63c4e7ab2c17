// Exceptions of the library. Every text says what was done, what is required, what was given, and how to repair it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#pragma GCC visibility push(default)

namespace taut {

// Base of everything the library throws on purpose. The library never prints, aborts or exits.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ShapeError : public Error {  // shapes, ranks or axes that do not fit
 public:
  using Error::Error;
};
class DTypeError : public Error {  // f32 and f64 mixed, or data read as the wrong type
 public:
  using Error::Error;
};
class DomainError : public Error {  // mathematically undefined, e.g. the range of log over [-1, 1]
 public:
  using Error::Error;
};
class UnsupportedError : public Error {  // defined, but this library cannot do it
 public:
  using Error::Error;
};
class NumericError : public Error {  // NaN, infinity, or an iteration that did not converge
 public:
  using Error::Error;
};
class RigourError : public Error {  // more was asked for than has been proved
 public:
  using Error::Error;
};
class UsageError : public Error {  // an object used outside its life or its rules
 public:
  using Error::Error;
};
class FileError : public Error {  // a file that is missing, truncated or not what it says
 public:
  using Error::Error;
};
class MemoryError : public Error {  // more memory than was allowed
 public:
  using Error::Error;
};

// Joins values into one message. C++20 as of GCC 12 has no <format>.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream text;
  text.precision(17);
  (text << ... << parts);
  return text.str();
}

}  // namespace taut

#pragma GCC visibility pop
