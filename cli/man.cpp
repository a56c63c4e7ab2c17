#include <algorithm>
#include <string>

#include "cli/documents.h"
#include "cli/options.h"
#include "cli/versions.h"

namespace taut::cli {
namespace {

// roff gives a meaning to backslashes, to hyphens, and to dots and apostrophes that begin a line.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  if (!result.empty() && (result[0] == '.' || result[0] == '\'')) result.insert(0, "\\&");
  return result;
}

std::string option_text(const OptionRow& row) {
  std::string text = ".TP\n.B " + roff(row.name);
  if (!row.argument.empty()) text = ".TP\n.BI " + roff(row.name) + " \" " + roff(row.argument) + "\"";
  return text + "\n" + roff(row.help) + "\n";
}

std::string command_text(const CommandRow& row) {
  std::string text = ".SS taut " + std::string(row.name) + " " + roff(row.argument) + "\n" + roff(row.text) + "\n";
  for (const OptionRow& option : options())
    if (belongs(option, row.command)) text += option_text(option);
  return text;
}

bool has_options(const CommandRow& row) {
  return std::ranges::any_of(options(), [&](const OptionRow& option) { return belongs(option, row.command); });
}

std::string methods_text() {
  std::string text;
  for (const MethodRow& row : methods())
    text += cat(".TP\n.B ", roff(std::string(row.name)), "\n(", row.side == Side::upper ? "upper" : "lower", ") ",
                roff(std::string(row.sentence)), ".\n");
  return text;
}

}  // namespace

std::string man_page() {
  std::string page = ".TH TAUT 1 \"\" \"taut " + version() + "\" \"User Commands\"\n";
  page += ".SH NAME\ntaut \\- bounds of Lipschitz constants of neural networks\n.SH SYNOPSIS\n";
  for (const CommandRow& row : commands())
    page += "\\fBtaut " + std::string(row.name) + "\\fR " + (has_options(row) ? "[\\fIoptions\\fR] " : "") +
            roff(row.argument) + "\n.br\n";
  page += ".B taut \\-\\-version\n.SH DESCRIPTION\n" + roff(description()) + "\n.SH COMMANDS\n";
  for (const CommandRow& row : commands()) page += command_text(row);
  page += ".SH METHODS\n" + methods_text() + "\n.SH EXIT STATUS\n" + roff(exit_status()) + "\n";
  page +=
      ".SH EXAMPLES\n.nf\ntaut bound model.onnx\ntaut bound model.onnx \\-\\-box 0:1 \\-\\-report report.html\n"
      "taut layers model.onnx \\-\\-spectrum \\-\\-json\n.fi\n";
  return page;
}

}  // namespace taut::cli
