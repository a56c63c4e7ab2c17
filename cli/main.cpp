// taut: bounds of Lipschitz constants of networks in ONNX files.
#include <cblas.h>
#include <unistd.h>

#include <algorithm>
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
#include "cli/watch.h"

namespace taut::cli {
namespace {

Watched analyse(Command command, const Settings& settings, ProgressLine& progress, const Interrupt& interrupt) {
  openblas_set_num_threads(settings.threads);
  Budget budget;
  budget.stop = interrupt.token();
  budget.progress = progress.callback();
  budget.threads = settings.threads;
  budget.seed = settings.seed;
  Patience patience{std::nullopt, budget.stop};
  if (settings.time_limit) {
    // Searches end before the limit, so that what they have found is proved by then.
    const double limit = *settings.time_limit;
    patience.deadline = Budget().within(std::chrono::duration<double>(limit)).deadline;
    budget.within(std::chrono::duration<double>(limit - std::min(0.2 * limit, 0.75)));
  }
  return watched(patience, [=](const Keep& keep) {
    return command == Command::bound ? analyse_bounds(settings, budget, keep) : analyse_layers(settings, budget);
  });
}

void print(Command command, const Settings& settings, const Analysis& analysis) {
  if (!settings.report.empty()) write_report(settings, analysis);
  if (settings.json) {
    std::cout << json_text(to_json(analysis, settings.spectrum));
  } else if (command == Command::bound) {
    print_bounds(std::cout, analysis);
  } else {
    print_layers(std::cout, analysis, settings.spectrum);
  }
}

void flush() {
  std::cout.flush();
  if (!std::cout) throw FileError("stdout cannot be written");
}

// 0, or as a process that the signal has ended.
int status() { return Interrupt::signal() != 0 ? 128 + Interrupt::signal() : 0; }

int answer(Command command, const Settings& settings) {
  // They outlive a computation that is given up.
  static ProgressLine progress;
  static const Interrupt interrupt;
  const Watched watched = analyse(command, settings, progress, interrupt);
  progress.clear();
  print(command, settings, watched.analysis);
  flush();
  // Nothing of what still computes may be destroyed.
  if (watched.overdue) _exit(status());
  return status();
}

int run(const Parsed& parsed) {
  if (parsed.command && *parsed.command != Command::man && *parsed.command != Command::completion) {
    require_sensible(parsed.settings);
    return answer(*parsed.command, parsed.settings);
  }
  if (!parsed.command)
    std::cout << parsed.output;
  else
    std::cout << (*parsed.command == Command::man ? man_page() : completion(parsed.settings.shell));
  flush();
  return 0;
}

// One line, whatever the text holds.
int fail(int status, const std::string& file, const std::string& text) {
  std::string line = file.empty() || text.find(file) != std::string::npos ? text : file + ": " + text;
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  std::cerr << "taut: " << line << std::endl;
  // A computation that was given up may still run: nothing of what it uses may be destroyed.
  _exit(Interrupt::signal() != 0 ? 128 + Interrupt::signal() : status);
}

}  // namespace
}  // namespace taut::cli

int main(int argc, char** argv) {
  using namespace taut;
  std::string file;
  try {
    const cli::Parsed parsed = cli::parse(argc, argv);
    file = parsed.settings.model;
    return cli::run(parsed);
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
