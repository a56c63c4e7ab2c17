#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

namespace taut::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string temporary_file() {
  std::string name = "/tmp/taut-test-XXXXXX";
  close(mkstemp(name.data()));
  return name;
}

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments, const std::string& out,
                         const std::string& error) {
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(open(out.c_str(), O_WRONLY | O_TRUNC), STDOUT_FILENO);
  dup2(open(error.c_str(), O_WRONLY | O_TRUNC), STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

std::string taken(const std::string& file) {
  std::string text = contents(file);
  unlink(file.c_str());
  return text;
}

void wait_for(const std::string& text, const std::string& file) {
  const auto start = Clock::now();
  while (contents(file).find(text) == std::string::npos && Clock::now() - start < std::chrono::minutes(1))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

Outcome run_process(const std::string& program, const std::vector<std::string>& arguments,
                    const std::optional<Kick>& kick) {
  const std::string out = temporary_file(), error = temporary_file();
  const pid_t child = fork();
  if (child == 0) become(program, arguments, out, error);
  if (kick) {
    wait_for(kick->text, error);
    std::this_thread::sleep_for(std::chrono::duration<double>(kick->after));
    kill(child, kick->signal);
    if (kick->again) {
      std::this_thread::sleep_for(std::chrono::duration<double>(*kick->again));
      kill(child, kick->signal);
    }
  }
  int state = 0;
  rusage used{};
  wait4(child, &state, 0, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  Outcome outcome;
  outcome.processor_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  outcome.status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  outcome.out = taken(out);
  outcome.error = taken(error);
  return outcome;
}

std::string contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace taut::test
