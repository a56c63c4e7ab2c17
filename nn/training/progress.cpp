#include "nn/progress.h"

#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace taut::nn {
namespace {

std::string duration(double seconds) {
  const auto s = static_cast<long long>(std::ceil(std::max(0.0, seconds)));
  std::ostringstream text;
  if (s >= 3600) text << s / 3600 << " h ";
  if (s >= 60) text << s / 60 % 60 << " min ";
  text << s % 60 << " s";
  return text.str();
}

template <class Report>
void write_quality(std::ostream& text, const Report& report) {
  text << "  loss " << std::setprecision(4) << report.loss;
  if (report.accuracy) text << "  accuracy " << std::fixed << std::setprecision(1) << 100.0 * *report.accuracy << " %";
}

}  // namespace

void ProgressLine::write(const std::string& text, bool stays) {
  if (terminal_) {
    const std::size_t padding = width_ > text.size() ? width_ - text.size() : 0;
    out_ << '\r' << text << std::string(padding, ' ');
    width_ = stays ? 0 : text.size();
    if (stays) out_ << '\n';
  } else {
    out_ << text << '\n';
  }
  out_.flush();
}

void ProgressLine::batch(const BatchReport& report) {
  const auto now = Clock::now();
  const std::chrono::duration<double> pause(terminal_ ? 0.1 : 30.0);
  if (now - last_ < pause) return;
  last_ = now;
  std::ostringstream text;
  text << "epoch " << report.epoch + 1 << '/' << report.epochs << "  batch " << report.batch + 1 << '/'
       << report.batches;
  write_quality(text, report);
  text << std::fixed << std::setprecision(0) << "  " << report.samples_per_second << "/s  "
       << duration(report.seconds_left) << " left";
  write(text.str(), false);
}

void ProgressLine::epoch(const EpochReport& report) {
  last_ = Clock::now();
  std::ostringstream text;
  text << "epoch " << report.epoch + 1 << '/' << report.epochs;
  write_quality(text, report);
  text << std::fixed << std::setprecision(1) << "  " << report.seconds << " s";
  write(text.str(), true);
}

void ProgressLine::attach(TrainOptions& options) {
  options.on_batch = [this](const BatchReport& report) { batch(report); };
  options.on_epoch = [this](const EpochReport& report) { epoch(report); };
}

}  // namespace taut::nn
