#include "examples/paper/parts/training.h"

#include <chrono>

#include "examples/paper/parts/checkpoint.h"

namespace taut::examples {

Trained trained_network(Session& session, const std::string& name, const std::string& recipe,
                        const std::function<nn::Sequential()>& build,
                        const std::function<void(nn::Sequential& net)>& train) {
  using Clock = std::chrono::steady_clock;
  Trained result{build()};
  const std::filesystem::path file = session.file("." + name + ".weights");
  if (session.resume()) {
    if (const std::optional<double> seconds = load_checkpoint(file, result.net, recipe)) {
      result.seconds = *seconds;
      return result;
    }
  }
  session.progress("");
  const auto start = Clock::now();
  train(result.net);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  save_checkpoint(file, result.net, recipe, result.seconds);
  return result;
}

}  // namespace taut::examples
