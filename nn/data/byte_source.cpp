#include "nn/data/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "autodiff/error.h"

namespace taut::nn {

ByteSource::ByteSource(const std::filesystem::path& file) : path_(file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    fail("is not there, or not a regular file", "check the path; `ls` its folder");
  file_size_ = std::filesystem::file_size(file, error);
  stream_.open(file, std::ios::binary);
  if (error || !stream_) fail("cannot be opened", "check that it may be read");
  refill();
  constexpr std::array<std::uint8_t, 2> gzip_magic{0x1f, 0x8b};
  if (unread_.size() >= 2 && std::equal(gzip_magic.begin(), gzip_magic.end(), unread_.begin())) {
    inflater_ = std::make_unique<z_stream>();
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(inflater_.get(), gzip_only) != Z_OK) throw std::bad_alloc();
  }
}

ByteSource::~ByteSource() {
  if (inflater_ != nullptr) inflateEnd(inflater_.get());
}

void ByteSource::fail(const char* what, const char* repair) const {
  throw FileError(cat("[file] ", path_.string(), ' ', what, "; ", repair));
}

std::uint64_t ByteSource::size_limit() const {
  constexpr std::uint64_t deflate_ratio = 1032;  // 258 bytes by 2 bits, [RFC1951]
  if (inflater_ == nullptr) return file_size_;
  return file_size_ < std::numeric_limits<std::uint64_t>::max() / deflate_ratio
             ? file_size_ * deflate_ratio
             : std::numeric_limits<std::uint64_t>::max();
}

void ByteSource::refill() {
  stream_.read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(buffer_.size()));
  if (stream_.bad()) fail("cannot be read to its end", "check the disk");
  unread_ = {buffer_.data(), static_cast<std::size_t>(stream_.gcount())};
}

std::size_t ByteSource::read(std::span<std::uint8_t> into) { return inflater_ == nullptr ? copy(into) : unpack(into); }

std::size_t ByteSource::copy(std::span<std::uint8_t> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    if (unread_.empty()) refill();
    if (unread_.empty()) break;
    const std::size_t n = std::min(unread_.size(), into.size() - done);
    std::copy_n(unread_.begin(), n, into.begin() + static_cast<std::ptrdiff_t>(done));
    unread_ = unread_.subspan(n);
    done += n;
  }
  return done;
}

std::size_t ByteSource::unpack(std::span<std::uint8_t> into) {
  z_stream& z = *inflater_;
  std::size_t done = 0;
  while (done < into.size()) {
    if (unread_.empty()) refill();
    if (member_ended_) {  // a gzip file is one member after the other
      if (unread_.empty()) break;
      inflateReset(&z);
      member_ended_ = false;
    } else if (unread_.empty()) {
      fail("ends in the middle of its compressed data", "it is truncated: copy or download it again");
    }
    z.next_in = const_cast<std::uint8_t*>(unread_.data());  // zlib does not write there
    z.avail_in = static_cast<uInt>(unread_.size());
    z.next_out = into.data() + done;
    z.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size() - done, std::numeric_limits<uInt>::max()));
    const int status = inflate(&z, Z_NO_FLUSH);
    done = static_cast<std::size_t>(z.next_out - into.data());
    unread_ = unread_.last(z.avail_in);
    if (status == Z_STREAM_END) {
      member_ended_ = true;
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail("is damaged: its compressed data or checksum is wrong, or something else follows the compressed data",
           "copy or download it again");
    }
  }
  return done;
}

}  // namespace taut::nn
