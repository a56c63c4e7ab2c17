#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/versions.h"

namespace taut::cli {
namespace {

void add_option(CLI::App& command, const OptionRow& row, Settings& settings) {
  if (row.set == nullptr) return;  // CLI11's own
  const std::string name(row.name), help(row.help);
  if (row.argument.empty()) {
    command.add_flag_callback(
        name, [&] { row.set(settings, ""); }, help);
    return;
  }
  const auto set = [&](const std::string& text) {
    try {
      row.set(settings, text);
    } catch (const UsageMistake& mistake) {
      const bool names_option = std::string(mistake.what()).starts_with("--");
      throw UsageMistake(names_option ? mistake.what() : cat(row.name, ": ", mistake.what()));
    }
  };
  command.add_option_function<std::string>(name, set, help)
      ->type_name(std::string(row.argument))
      ->take_last()
      ->trigger_on_parse();
}

void add_command(CLI::App& app, const CommandRow& row, Settings& settings) {
  CLI::App& command = *app.add_subcommand(std::string(row.name), std::string(row.summary));
  command.set_help_flag("--help", "print this");
  std::string& argument = row.command == Command::completion ? settings.shell : settings.model;
  if (!row.argument.empty())
    command
        .add_option(std::string(row.command == Command::completion ? "SHELL" : "MODEL.onnx"), argument,
                    row.command == Command::completion ? "bash or zsh" : "the network")
        ->required()
        ->type_name("");
  for (const OptionRow& option : options())
    if (belongs(option, row.command)) add_option(command, option, settings);
  std::string footer(row.text);
  if (row.command == Command::bound) footer += "\nMethods: " + method_names() + ".";
  command.footer(footer);
}

}  // namespace

Parsed parse(int argc, const char* const* argv) {
  Parsed result;
  CLI::App app(std::string(description()), "taut");
  app.set_help_flag("--help", "print this");
  app.set_version_flag(
      "--version", [] { return versions(); }, "print the versions of taut and of what it is built on");
  app.require_subcommand(1);
  app.footer("Exit status. " + std::string(exit_status()));
  for (const CommandRow& row : commands()) add_command(app, row, result.settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help or --version
    std::ostringstream out, error;
    app.exit(request, out, error);
    result.output = out.str();
    return result;
  } catch (const CLI::ParseError& error) {
    throw UsageMistake(error.what());
  }
  const std::string chosen = app.get_subcommands().front()->get_name();
  result.command = std::ranges::find(commands(), chosen, &CommandRow::name)->command;
  return result;
}

}  // namespace taut::cli
