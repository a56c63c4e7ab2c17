#include <string>

#include "cli/documents.h"
#include "cli/options.h"

namespace taut::cli {
namespace {

std::string names_of_commands() {
  std::string names;
  for (const CommandRow& row : commands()) names += std::string(row.name) + " ";
  return names + "--help --version";
}

std::string names_of_options(Command command) {
  std::string names;
  for (const OptionRow& row : options())
    if (belongs(row, command)) names += cat(names.empty() ? "" : " ", row.name);
  return names;
}

std::string words_of(const OptionRow& row) {
  if (row.values == Values::words) return std::string(row.words);
  std::string words = "all";
  for (const MethodRow& method : methods()) words += cat(" ", method.name);
  return words;
}

// The cases of a shell's `case` on the option before the word that is completed.
std::string bash_values() {
  std::string cases;
  for (const OptionRow& row : options()) {
    if (row.argument.empty()) continue;
    const std::string name(row.name);
    if (row.values == Values::files) {
      cases += "    " + name + ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n";
    } else if (row.values == Values::none) {
      cases += "    " + name + ") return ;;\n";
    } else {
      // Of a list the last entry is completed.
      cases += "    " + name +
               ") local list=; [[ $word == *,* ]] && list=${word%,*},\n"
               "      COMPREPLY=($(compgen -P \"$list\" -W \"" +
               words_of(row) + "\" -- \"${word##*,}\")); return ;;\n";
    }
  }
  return cases;
}

std::string bash() {
  std::string text =
      "# Completion of taut for bash.\n_taut() {\n  local word=${COMP_WORDS[COMP_CWORD]} "
      "previous=${COMP_WORDS[COMP_CWORD-1]}\n  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W \"" +
      names_of_commands() + "\" -- \"$word\"))\n    return\n  fi\n  case $previous in\n" + bash_values() +
      "  esac\n"
      "  case ${COMP_WORDS[1]} in\n    completion) COMPREPLY=($(compgen -W \"bash zsh\" -- \"$word\")) ;;\n";
  for (const CommandRow& row : commands()) {
    const std::string names = names_of_options(row.command);
    if (names.empty()) continue;
    text += "    " + std::string(row.name) + ")\n      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"" + names +
            "\" -- \"$word\"))\n      else COMPREPLY=($(compgen -f -- \"$word\")); fi ;;\n";
  }
  return text + "  esac\n}\ncomplete -o filenames -o bashdefault -F _taut taut\n";
}

// Inside of single quotes and brackets of _arguments.
std::string zsh_quoted(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      result += std::string("\\") + c;
    } else {
      result += c;
    }
  }
  return result;
}

std::string zsh_option(const OptionRow& row) {
  std::string text = cat("'", row.name, "[", zsh_quoted(row.help), "]");
  if (row.argument.empty()) return text + "'";
  text += cat(":", zsh_quoted(row.argument), ":");
  if (row.values == Values::files) text += "_files";
  if (row.values == Values::words) text += cat("(", words_of(row), ")");
  if (row.values == Values::methods) text += cat("_values -s , method ", words_of(row));
  return text + "'";
}

std::string zsh() {
  std::string text =
      "#compdef taut\n# Completion of taut for zsh.\n_taut() {\n  if ((CURRENT == 2)); then\n    local -a "
      "commands=(\n";
  for (const CommandRow& row : commands())
    text += "      '" + std::string(row.name) + ":" + zsh_quoted(row.summary) + "'\n";
  text +=
      "    )\n    _describe command commands\n    compadd -- --help --version\n    return\n  fi\n  case $words[2] in\n"
      "    completion) compadd bash zsh ;;\n";
  for (const CommandRow& row : commands()) {
    if (names_of_options(row.command).empty()) continue;
    text += "    " + std::string(row.name) + ")\n      shift words; ((CURRENT--))\n      _arguments \\\n";
    for (const OptionRow& option : options())
      if (belongs(option, row.command)) text += "        " + zsh_option(option) + " \\\n";
    text += "        '*:model:_files -g \"*.onnx\"' ;;\n";
  }
  return text + "  esac\n}\n_taut \"$@\"\n";
}

}  // namespace

std::string completion(const std::string& shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  throw UsageMistake("taut completion takes bash or zsh, got '" + shell + "'");
}

}  // namespace taut::cli
