#include "cli/node_names.h"

#include <charconv>
#include <filesystem>

#include "autodiff/error.h"

namespace taut::cli {

std::string with_node_names(const std::string& text, const nn::onnx::Model& model) {
  const std::string file = std::filesystem::path(model.name()).filename().string();
  const std::string mark = cat(", ", file, ':');
  std::string result;
  std::size_t copied = 0;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t open = text.rfind('(', at), digits = at + mark.size();
    int line = 0;
    const auto [end, error] = std::from_chars(text.data() + digits, text.data() + text.size(), line);
    const auto close = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || open == std::string::npos || open < copied || close == text.size() ||
        text[close] != ')')
      continue;
    if (line < 1) continue;
    result += cat(text.substr(copied, open + 1 - copied), model.node_name(line));
    copied = close;
  }
  return result + text.substr(copied);
}

}  // namespace taut::cli
