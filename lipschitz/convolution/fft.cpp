#include "lipschitz/convolution/fft.h"

#include <fftw3.h>

#include <map>
#include <memory>
#include <mutex>

namespace taut::detail {
namespace {

struct Destroy {
  void operator()(fftw_plan plan) const { fftw_destroy_plan(plan); }
};
using Plan = std::unique_ptr<std::remove_pointer_t<fftw_plan>, Destroy>;

fftw_complex* as_fftw(std::vector<std::complex<double>>& x) { return reinterpret_cast<fftw_complex*>(x.data()); }

// FFTW's planner is not safe to be called from two threads; executing plans is.
fftw_plan plan_of(Index ny, Index nx) {
  static std::mutex mutex;
  static std::map<std::pair<Index, Index>, Plan> plans;
  const std::lock_guard lock(mutex);
  Plan& plan = plans[{ny, nx}];
  if (!plan) {
    std::vector<double> in(static_cast<std::size_t>(ny * nx));
    std::vector<std::complex<double>> out(static_cast<std::size_t>(ny * (nx / 2 + 1)));
    plan.reset(fftw_plan_dft_r2c_2d(static_cast<int>(ny), static_cast<int>(nx), in.data(), as_fftw(out),
                                    FFTW_ESTIMATE | FFTW_UNALIGNED | FFTW_PRESERVE_INPUT));
  }
  return plan.get();
}

}  // namespace

std::vector<std::complex<double>> real_transform(const std::vector<double>& in, Index ny, Index nx) {
  std::vector<std::complex<double>> out(static_cast<std::size_t>(ny * (nx / 2 + 1)));
  std::vector<double> copy = in;
  fftw_execute_dft_r2c(plan_of(ny, nx), copy.data(), as_fftw(out));
  return out;
}

}  // namespace taut::detail
