// Figures drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace taut::examples {

struct Figure {
  // Commands of gnuplot without terminal and output, data included.
  std::string commands;
  int width = 900, height = 600;  // pixels
};

// Whether there is a gnuplot.
bool gnuplot_is_there();

// Writes FOLDER/<name>.gp and runs gnuplot on it, which makes <name>.svg and <name>.png. Returns what went wrong, ""
// when nothing did: without gnuplot the script is there to be run later.
std::string draw(const std::filesystem::path& folder, const std::string& name, const Figure& figure);

// A block of numbers that commands name as $<name>, a line per row. An empty row separates the lines of a surface.
std::string data_block(const std::string& name, const std::vector<std::vector<double>>& rows);

}  // namespace taut::examples
