#include "examples/paper/parts/session.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>
#include <utility>

#include "autodiff/error.h"

namespace taut::examples {
namespace {

std::filesystem::path made(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw FileError(cat("[out] the folder ", folder.string(), " cannot be made: ", error.message()));
  return folder;
}

Json identity(const std::string& program, const SessionOptions& options, const Json& configuration) {
  Json all{{"program", program}, {"seed", options.common.seed}, {"quick", options.common.quick}};
  all.update(configuration);
  return all;
}

}  // namespace

Session::Session(std::string program, SessionOptions options, Json configuration)
    : program_(std::move(program)),
      options_(std::move(options)),
      rows_(made(options_.out) / (program_ + ".rows.jsonl"), identity(program_, options_, configuration),
            options_.resume) {}

std::filesystem::path Session::file(const std::string& ending) const {
  return std::filesystem::path(options_.out) / (program_ + ending);
}

Json Session::row(const std::string& key, const std::function<Json()>& compute) {
  using Clock = std::chrono::steady_clock;
  const Json* row = rows_.find(key);
  if (row == nullptr) {
    progress(key);
    const auto start = Clock::now();
    Json computed = compute();
    computed["row_seconds"] = std::chrono::duration<double>(Clock::now() - start).count();
    progress("");
    row = &rows_.add(key, std::move(computed));
  }
  seconds_ += row->value("row_seconds", 0.0);
  return *row;
}

void Session::progress(const std::string& text) {
  if (!stderr_is_terminal()) return;
  const std::string line = text.empty() ? "" : program_ + ": " + text;
  std::cerr << '\r' << line << std::string(line.size() < width_ ? width_ - line.size() : 0, ' ')
            << (text.empty() ? "\r" : "") << std::flush;
  width_ = line.size();
}

Budget Session::analysis(const std::string& stage) {
  Budget options;
  options.threads = options_.common.threads;
  options.seed = options_.common.seed;
  options.progress = [this, stage](const Progress& p) {
    progress(cat(stage, ", ", p.stage, " ", static_cast<int>(100.0 * p.fraction), " %"));
  };
  return options;
}

int run_paper_program(int argc, const char* const* argv, const std::string& summary, std::vector<Option> more,
                      const std::function<void(const SessionOptions&)>& body) {
  SessionOptions options;
  more.push_back({"--out", "DIR", "folder of everything that is written", &options.out});
  more.push_back({"--resume", "", "keep the finished rows and trained weights in DIR", nullptr, &options.resume});
  return run_program(argc, argv, summary, more, [&](const CommonOptions& common) {
    options.common = common;
    body(options);
  });
}

std::string machine_class() {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  std::string simd = "no AVX";
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    simd = "AVX-512";
  else if (__builtin_cpu_supports("avx2"))
    simd = "AVX2";
#elif defined(__aarch64__)
  simd = "NEON";
#endif
  return cat(cores, cores == 1 ? " virtual core, " : " virtual cores, ", simd);
}

}  // namespace taut::examples
