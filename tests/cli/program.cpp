#include "tests/cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

namespace taut::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string temporary_file() {
  std::string name = "/tmp/taut-cli-XXXXXX";
  close(mkstemp(name.data()));
  return name;
}

[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& out, const std::string& error) {
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(open(out.c_str(), O_WRONLY | O_TRUNC), STDOUT_FILENO);
  dup2(open(error.c_str(), O_WRONLY | O_TRUNC), STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(TAUT_PROGRAM)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(TAUT_PROGRAM, argv.data());
  _exit(127);
}

std::string taken(const std::string& file) {
  std::string text = contents(file);
  unlink(file.c_str());
  return text;
}

}  // namespace

Outcome taut(const std::vector<std::string>& arguments, const std::optional<Kick>& kick) {
  const std::string out = temporary_file(), error = temporary_file();
  const auto start = Clock::now();
  const pid_t child = fork();
  if (child == 0) become(arguments, out, error);
  if (kick) {
    std::this_thread::sleep_for(std::chrono::duration<double>(kick->after));
    kill(child, kick->signal);
    if (kick->again) {
      std::this_thread::sleep_for(std::chrono::duration<double>(*kick->again));
      kill(child, kick->signal);
    }
  }
  int state = 0;
  waitpid(child, &state, 0);
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  outcome.status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  outcome.out = taken(out);
  outcome.error = taken(error);
  return outcome;
}

nlohmann::ordered_json taut_json(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Outcome outcome = taut(arguments);
  BOOST_TEST_REQUIRE(outcome.status == 0, outcome.error);
  BOOST_TEST(outcome.error == "");
  return nlohmann::ordered_json::parse(outcome.out);
}

void check_refused(const std::vector<std::string>& arguments, int status, const std::vector<std::string>& parts) {
  const Outcome outcome = taut(arguments);
  BOOST_TEST_CONTEXT(outcome.error) {
    BOOST_TEST(outcome.status == status);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(std::ranges::count(outcome.error, '\n') == 1);
    BOOST_TEST(outcome.error.ends_with('\n'));
    BOOST_TEST(outcome.error.starts_with("taut: "));
    for (const std::string& part : parts) BOOST_TEST(outcome.error.find(part) != std::string::npos, part);
  }
}

std::string model_file(const std::string& name) { return TAUT_SOURCE_DIR "/tests/data/onnx/" + name + ".onnx"; }

nlohmann::ordered_json expected_values() {
  const std::string folder = TAUT_SOURCE_DIR "/tests/data/onnx/";
  auto all = nlohmann::ordered_json::parse(contents(folder + "published.json"));
  const auto computed = nlohmann::ordered_json::parse(contents(folder + "expected.json"));
  for (const auto& [name, network] : computed["cases"].items()) all[name] = network["values"];
  return all;
}

std::string contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace taut::test
