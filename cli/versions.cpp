#include "cli/versions.h"

#include <cblas.h>
#include <fftw3.h>

#include <string_view>

namespace taut::cli {
namespace {

// "OpenBLAS 0.3.21 DYNAMIC_ARCH …": the second word.
std::string openblas_version() {
  const std::string_view text = openblas_get_config();
  const std::size_t begin = text.find(' ');
  if (begin == std::string_view::npos) return std::string(text);
  return std::string(text.substr(begin + 1, text.find(' ', begin + 1) - begin - 1));
}

// "fftw-3.3.10-sse2-avx"
std::string fftw_version_number() {
  const std::string_view text = fftw_version;
  const std::size_t begin = text.find('-');
  if (begin == std::string_view::npos) return std::string(text);
  return std::string(text.substr(begin + 1, text.find('-', begin + 1) - begin - 1));
}

}  // namespace

std::string version() { return TAUT_VERSION; }

std::string versions() {
  return "taut " + version() + "\nOpenBLAS " + openblas_version() + " (" + openblas_get_corename() + ")\nFFTW " +
         fftw_version_number() + "\nONNX schema " TAUT_ONNX_VERSION ", protobuf " TAUT_PROTOBUF_VERSION;
}

}  // namespace taut::cli
