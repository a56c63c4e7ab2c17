// The line of the user's program that created a node, or the node of a file that it was read from; errors and
// explanations name it.
#pragma once

#pragma GCC visibility push(default)

namespace taut {

// Clang 14 with libstdc++ 12 has no std::source_location, so the builtins are used directly.
struct Where {
  const char* file = "";
  int line = 0;  // of a file of nodes: the number of the node, from 1
  // What a file of nodes calls the operation and the node, "Gemm" and "fc1"; null where a program recorded it. They
  // live as long as whoever read the file.
  const char* op = nullptr;
  const char* name = nullptr;

  static constexpr Where current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  // File name without its folders.
  constexpr const char* basename() const {
    const char* last = file;
    for (const char* c = file; *c != '\0'; ++c)
      if (*c == '/') last = c + 1;
    return last;
  }
};

template <class Stream>
Stream& operator<<(Stream& out, const Where& where) {
  out << where.basename() << ':' << where.line;
  return out;
}

}  // namespace taut

#pragma GCC visibility pop
