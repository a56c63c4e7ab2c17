#include "examples/support/figure.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "autodiff/error.h"
#include "examples/support/program.h"

namespace taut::examples {
namespace {

// The exit status of a program that is looked up in PATH, 127 when there is none.
int run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return 127;
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 126;
  return WEXITSTATUS(status);
}

// Inside of single quotes gnuplot reads two for one.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result;
}

}  // namespace

bool gnuplot_is_there() { return run({"gnuplot", "-e", "exit"}) == 0; }

std::string draw(const std::filesystem::path& folder, const std::string& name, const Figure& figure) {
  const std::string size = cat(" size ", figure.width, ",", figure.height);
  const auto terminal = [&](const std::string& kind, const std::string& ending) {
    return cat("set terminal ", kind, size, " font 'sans,12'\nset output '", name, ".", ending, "'\n", figure.commands,
               "\nunset output\nreset\n");
  };
  const std::filesystem::path script = folder / (name + ".gp");
  write_file(script.string(), terminal("svg", "svg") + terminal("png", "png"));
  if (!gnuplot_is_there())
    return cat("no figure ", name, ": gnuplot is missing (Debian: gnuplot-nox); then run it on ", script.string());
  const std::string there = cat("cd '", quoted(folder.string()), "'");
  if (const int status = run({"gnuplot", "-e", there, name + ".gp"}); status != 0)
    return cat("no figure ", name, ": gnuplot ended with status ", status, " on ", script.string());
  return "";
}

std::string data_block(const std::string& name, const std::vector<std::vector<double>>& rows) {
  std::ostringstream text;
  text.precision(8);
  text << '$' << name << " << EOD\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text << (i > 0 ? " " : "") << row[i];
    text << '\n';
  }
  text << "EOD\n";
  return text.str();
}

}  // namespace taut::examples
