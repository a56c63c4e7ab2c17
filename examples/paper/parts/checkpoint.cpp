#include "examples/paper/parts/checkpoint.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "autodiff/error.h"
#include "nn/parameters.h"

namespace taut::examples {
namespace {

constexpr std::string_view magic = "taut checkpoint 1\n";

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

void put(std::string& to, std::uint64_t number) { to.append(reinterpret_cast<const char*>(&number), sizeof number); }
void put(std::string& to, std::string_view text) {
  put(to, text.size());
  to.append(text);
}

class Reader {
 public:
  Reader(const std::filesystem::path& file, std::string_view bytes) : file_(file), bytes_(bytes) {}

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size()) fail("is damaged");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return take(number()); }
  bool at_end() const { return bytes_.empty(); }
  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(cat("[checkpoint] ", file_.string(), " ", what, "; delete it to train again"));
  }

 private:
  const std::filesystem::path& file_;
  std::string_view bytes_;
};

}  // namespace

void save_checkpoint(const std::filesystem::path& file, nn::ModuleRef module, std::string_view recipe, double seconds) {
  std::string bytes(magic);
  put(bytes, recipe);
  put(bytes, std::bit_cast<std::uint64_t>(seconds));
  const std::vector<nn::NamedParameter> parameters = nn::named_parameters(module);
  put(bytes, parameters.size());
  for (const auto& [path, parameter] : parameters) {
    const Tensor& value = parameter->value;
    put(bytes, path);
    put(bytes, static_cast<std::uint64_t>(value.dtype()));
    put(bytes, static_cast<std::uint64_t>(value.shape().rank()));
    for (int axis = 0; axis < value.shape().rank(); ++axis) put(bytes, static_cast<std::uint64_t>(value.shape()[axis]));
    bytes.append(static_cast<const char*>(value.raw()), value.bytes());
  }
  put(bytes, fnv1a(bytes));
  const std::filesystem::path unfinished = file.string() + ".part";
  {
    std::ofstream stream(unfinished, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.flush();
    if (!stream) throw FileError(cat("[checkpoint] ", file.string(), " cannot be written; check folder and space"));
  }
  std::filesystem::rename(unfinished, file);
}

std::optional<double> load_checkpoint(const std::filesystem::path& file, nn::ModuleRef module,
                                      std::string_view recipe) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const std::string_view all = bytes;
  Reader whole(file, all);
  if (all.size() < magic.size() + sizeof(std::uint64_t) || whole.take(magic.size()) != magic) whole.fail("is damaged");
  const std::string_view content = all.substr(0, all.size() - sizeof(std::uint64_t));
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, all.data() + content.size(), sizeof checksum);
  if (checksum != fnv1a(content)) whole.fail("is damaged");

  Reader reader(file, content.substr(magic.size()));
  if (reader.text() != recipe) return std::nullopt;
  const double seconds = std::bit_cast<double>(reader.number());
  const std::vector<nn::NamedParameter> parameters = nn::named_parameters(module);
  std::vector<Tensor> values;
  if (reader.number() != parameters.size()) reader.fail("holds another number of parameters than the network");
  for (const auto& [path, parameter] : parameters) {
    const Tensor& present = parameter->value;
    bool same = reader.text() == path && reader.number() == static_cast<std::uint64_t>(present.dtype());
    same = same && reader.number() == static_cast<std::uint64_t>(present.shape().rank());
    for (int axis = 0; same && axis < present.shape().rank(); ++axis)
      same = reader.number() == static_cast<std::uint64_t>(present.shape()[axis]);
    if (!same) reader.fail(cat("does not fit the network at parameter ", path));
    Tensor value = Tensor::uninitialised(present.type());
    const std::string_view numbers = reader.take(value.bytes());
    dispatch(value.dtype(), [&](auto zero) {
      using T = decltype(zero);
      std::memcpy(value.mutable_data<T>().data(), numbers.data(), numbers.size());
    });
    values.push_back(std::move(value));
  }
  if (!reader.at_end()) reader.fail("holds more than the parameters of the network");
  for (std::size_t i = 0; i < values.size(); ++i) parameters[i].parameter->value = std::move(values[i]);
  return seconds;
}

}  // namespace taut::examples
