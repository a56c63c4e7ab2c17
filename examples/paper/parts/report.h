// What a program of the paper leaves behind: a table and figures, printed and as files.
#pragma once

#include <string>
#include <vector>

#include "examples/paper/parts/session.h"
#include "examples/support/table.h"

namespace taut::examples {

struct Report {
  struct Picture {
    std::string file;  // in the output folder
    std::string caption;
  };
  struct Part {
    std::string heading;  // "" for none
    Table table;
  };

  std::string title;
  std::vector<std::string> introduction;  // paragraphs of Markdown
  std::vector<Part> parts;
  std::vector<std::string> notes;  // below the tables; also printed
  std::vector<Picture> pictures;
};

// Prints the tables and notes to stdout and writes, under the name of the program in the output folder, .md (a section
// of the document that `make paper` puts together, with command, seed, machine class and time), .csv (every bound of
// `rows`, or `csv` where that is given) and .json, the latter also to --json.
void publish(const Session& session, const Report& report, const std::vector<Json>& rows, const std::string& csv = "");

}  // namespace taut::examples
