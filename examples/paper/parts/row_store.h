// Finished rows of a table on disk, one JSON object per line, so that a run that was stopped can go on.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "examples/support/json.h"

namespace taut::examples {

// The file's first line is the configuration of the run (program, seed, …), every other line {"key": …, "row": …},
// written when the row is done. A line that a killed program left unfinished at the end is dropped.
class RowStore {
 public:
  // Begins the file anew, or with `resume` goes on from what it holds. FileError when it cannot be written, is damaged,
  // or holds rows of another configuration: those would be mixed into one table.
  RowStore(std::filesystem::path file, const Json& configuration, bool resume);

  // The row of that key, or null.
  const Json* find(const std::string& key) const;
  // Writes the row. It is on disk when the call returns, or FileError.
  const Json& add(const std::string& key, Json row);
  std::size_t size() const { return rows_.size(); }

 private:
  void read(const Json& configuration);

  std::filesystem::path file_;
  std::map<std::string, Json> rows_;
};

}  // namespace taut::examples
