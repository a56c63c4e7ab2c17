#include "examples/paper/parts/row_store.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "autodiff/error.h"
#include "examples/support/program.h"

namespace taut::examples {

RowStore::RowStore(std::filesystem::path file, const Json& configuration, bool resume) : file_(std::move(file)) {
  if (resume && std::filesystem::exists(file_)) {
    read(configuration);
  } else {
    write_file(file_.string(), configuration.dump() + "\n");
  }
}

void RowStore::read(const Json& configuration) {
  std::ostringstream content;
  content << std::ifstream(file_, std::ios::binary).rdbuf();
  const std::string text = content.str();
  const auto damaged = [&](std::size_t line) {
    return FileError(cat("[rows] line ", line, " of ", file_.string(), " is no row; delete the file to begin anew"));
  };
  std::size_t line_number = 0, begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const Json line = Json::parse(text.substr(begin, end - begin), nullptr, false);
    if (line.is_discarded() || !line.is_object()) throw damaged(line_number + 1);
    if (++line_number == 1) {
      if (line != configuration)
        throw FileError(cat("[rows] ", file_.string(), " holds rows of the run ", line.dump(), ", and this one is ",
                            configuration.dump(), "; leave out --resume or take another --out"));
    } else if (line.contains("key") && line["key"].is_string() && line.contains("row")) {
      rows_[line["key"].get<std::string>()] = line["row"];
    } else {
      throw damaged(line_number);
    }
  }
  if (line_number == 0) {
    write_file(file_.string(), configuration.dump() + "\n");
  } else if (begin < text.size()) {
    std::filesystem::resize_file(file_, begin);
  }
}

const Json* RowStore::find(const std::string& key) const {
  const auto found = rows_.find(key);
  return found != rows_.end() ? &found->second : nullptr;
}

const Json& RowStore::add(const std::string& key, Json row) {
  std::ofstream stream(file_, std::ios::app | std::ios::binary);
  stream << Json{{"key", key}, {"row", row}}.dump() + "\n";
  stream.flush();
  if (!stream) throw FileError(cat("[rows] ", file_.string(), " cannot be written; check folder and space"));
  return rows_[key] = std::move(row);
}

}  // namespace taut::examples
