// The line of the user's program that created a node; errors and explanations name it.
#pragma once

namespace taut {

// Clang 14 with libstdc++ 12 has no std::source_location, so the builtins are used directly.
struct Where {
  const char* file = "";
  int line = 0;

  static constexpr Where current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  // File name without its folders.
  constexpr const char* basename() const {
    const char* name = file;
    for (const char* c = file; *c != '\0'; ++c)
      if (*c == '/') name = c + 1;
    return name;
  }
};

template <class Stream>
Stream& operator<<(Stream& out, const Where& where) {
  out << where.basename() << ':' << where.line;
  return out;
}

}  // namespace taut
