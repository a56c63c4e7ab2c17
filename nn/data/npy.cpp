#include "nn/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/error.h"
#include "nn/data/byte_source.h"

namespace taut::nn {
namespace {

using Path = std::filesystem::path;

template <class... Parts>
[[noreturn]] void fail_npy(const Path& file, const Parts&... parts) {
  throw FileError(cat("[npy] ", file.string(), ": ", parts...));
}

std::string read_text(ByteSource& source, const Path& file, std::size_t size, const char* what) {
  std::string text(size, '\0');
  const std::size_t n = source.read({reinterpret_cast<std::uint8_t*>(text.data()), size});
  if (n < size)
    fail_npy(file, "expected ", what, ", ", size, " bytes, but the file ends after ", n,
             " of them; copy the file again");
  return text;
}

struct Header {
  std::string type;  // "<f4"
  bool columns_first = false;
  Shape shape;
};

// The literal of a Python dictionary with exactly the keys that the format knows.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const Path& file) : text_(text), file_(file) {}

  Header parse() {
    Header header;
    int found = 0;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        header.type = quoted();
      } else if (key == "fortran_order") {
        header.columns_first = boolean();
      } else if (key == "shape") {
        header.shape = shape();
      } else {
        broken();
      }
      ++found;
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (found != 3 || at_ != text_.size()) broken();
    return header;
  }

 private:
  [[noreturn]] void broken() const {
    fail_npy(file_, "its header is not one of an array of numbers: \"", text_.substr(0, 80),
             "\"; write the array with numpy.save");
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) broken();
  }
  std::string quoted() {
    expect('\'');
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) broken();
    std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return word == "True";
    }
    broken();
  }
  Shape shape() {
    std::vector<Index> dims;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      Index dim = -1;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0 || dims.size() == static_cast<std::size_t>(max_rank)) broken();
      at_ = static_cast<std::size_t>(end - text_.data());
      dims.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    double size = 1.0;
    for (const Index dim : dims) size *= std::max<double>(static_cast<double>(dim), 1.0);
    if (size > 0x1p60) broken();  // Shape cannot hold it, nor can a file
    return Shape(std::span<const Index>(dims));
  }

  std::string_view text_;
  const Path& file_;
  std::size_t at_ = 0;
};

Header read_header(ByteSource& source, const Path& file) {
  const std::string start = read_text(source, file, 8, "a signature");
  if (!start.starts_with("\x93NUMPY")) fail_npy(file, "an NPY file begins with \\x93NUMPY; write it with numpy.save");
  const int version = start[6];
  if (version < 1 || version > 3 || start[7] != 0)
    fail_npy(file, "version ", version, '.', int{start[7]}, " of the format is not known; write it with numpy.save");
  const std::string size = read_text(source, file, version == 1 ? 2 : 4, "the size of the header");
  std::size_t bytes = 0;
  for (std::size_t i = size.size(); i-- > 0;) bytes = bytes * 256 + static_cast<unsigned char>(size[i]);
  constexpr std::size_t largest = 1 << 16;  // of an array of numbers it has about a hundred bytes
  if (bytes > largest) fail_npy(file, "its header claims ", bytes, " bytes; write the array with numpy.save");
  return HeaderParser(read_text(source, file, bytes, "the header"), file).parse();
}

std::size_t size_of_entry(const Header& header, const Path& file) {
  const std::string& type = header.type;
  if (header.columns_first) fail_npy(file, "the array is stored by columns; write numpy.ascontiguousarray of it");
  if (type == "|u1") return 1;
  if (type == "<f4" || type == ">f4") return 4;
  if (type == "<f8" || type == ">f8") return 8;
  fail_npy(file, "entries are floats of 4 or 8 bytes or unsigned bytes, found '", type,
           "'; convert the array with .astype(numpy.float32)");
}

template <class T>
Tensor floats(std::string& bytes, const Header& header) {
  const bool swap = (header.type[0] == '>') == (std::endian::native == std::endian::little);
  if (swap)
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(T))
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                   bytes.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  Tensor values = Tensor::uninitialised(header.shape, sizeof(T) == 4 ? DType::f32 : DType::f64);
  if (!bytes.empty()) std::memcpy(values.mutable_data<T>().data(), bytes.data(), bytes.size());
  return values;
}

Tensor from_bytes(const std::string& bytes, const Header& header) {
  Tensor values = Tensor::uninitialised(header.shape, DType::f32);
  std::ranges::transform(bytes, values.mutable_data<float>().begin(),
                         [](char c) { return static_cast<float>(static_cast<unsigned char>(c) / 255.0); });
  return values;
}

}  // namespace

Tensor read_npy(const Path& file) {
  ByteSource source(file);
  const Header header = read_header(source, file);
  const std::size_t size = size_of_entry(header, file);
  const auto entries = static_cast<std::uint64_t>(header.shape.size());
  if (entries > source.size_limit() / size)
    fail_npy(file, "the header announces shape ", header.shape,
             ", more than a file of this size can hold; copy it again");
  std::string bytes = read_text(source, file, entries * size, "the entries");
  std::uint8_t more = 0;
  if (source.read({&more, 1}) > 0)
    fail_npy(file, "bytes follow behind the ", entries, " entries of shape ", header.shape, "; copy the file again");
  return size == 1   ? from_bytes(bytes, header)
         : size == 4 ? floats<float>(bytes, header)
                     : floats<double>(bytes, header);
}

}  // namespace taut::nn
