// taut: bounds of Lipschitz constants of networks in ONNX files.
#include <cblas.h>

#include <exception>
#include <iostream>
#include <new>

#include "cli/analysis.h"
#include "cli/documents.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/parse.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

Analysis analyse(Command command, const Settings& settings) {
  openblas_set_num_threads(settings.threads);
  ProgressLine progress;
  Interrupt interrupt;
  Budget options;
  options.stop = interrupt.token();
  options.progress = progress.callback();
  options.threads = settings.threads;
  options.seed = settings.seed;
  if (settings.time_limit) options.within(std::chrono::duration<double>(*settings.time_limit));
  return command == Command::bound ? analyse_bounds(settings, options) : analyse_layers(settings, options);
}

void run(const Parsed& parsed) {
  const Settings& settings = parsed.settings;
  if (!parsed.command) {
    std::cout << parsed.output;
  } else if (*parsed.command == Command::man) {
    std::cout << man_page();
  } else if (*parsed.command == Command::completion) {
    std::cout << completion(settings.shell);
  } else {
    require_sensible(settings);
    const Analysis analysis = analyse(*parsed.command, settings);
    if (!settings.report.empty()) write_report(settings, analysis);
    if (settings.json) {
      std::cout << json_text(to_json(analysis, settings.spectrum));
    } else if (*parsed.command == Command::bound) {
      print_bounds(std::cout, analysis);
    } else {
      print_layers(std::cout, analysis, settings.spectrum);
    }
  }
  std::cout.flush();
  if (!std::cout) throw FileError("stdout cannot be written");
}

// One line, whatever the text holds.
int fail(int status, const std::string& file, const std::string& text) {
  std::string line = file.empty() || text.find(file) != std::string::npos ? text : file + ": " + text;
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  std::cerr << "taut: " << line << '\n';
  return status;
}

}  // namespace
}  // namespace taut::cli

int main(int argc, char** argv) {
  using namespace taut;
  std::string file;
  try {
    const cli::Parsed parsed = cli::parse(argc, argv);
    file = parsed.settings.model;
    cli::run(parsed);
    return 0;
  } catch (const cli::UsageMistake& mistake) {
    return cli::fail(2, "", std::string(mistake.what()) + "; see taut --help");
  } catch (const UsageError& error) {
    return cli::fail(2, file, error.what());
  } catch (const std::bad_alloc&) {
    return cli::fail(1, file, "there is not enough memory for this model");
  } catch (const std::exception& error) {
    return cli::fail(1, file, error.what());
  } catch (...) {
    return cli::fail(1, file, "an unknown error");
  }
}
