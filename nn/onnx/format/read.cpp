// From ONNX's protocol buffers to GraphData. Only the protocol buffers are trusted to be well formed once they have
// been parsed; whatever they say is checked here: sizes against the bytes that are there, before memory is taken. Long:
// one class, since every check names the place in the file where it stands.
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "autodiff/error.h"
#include "nn/onnx/format/half.h"
#include "nn/onnx/format/schema.h"
#include "nn/onnx/graph.h"

namespace taut::nn::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw data of ONNX files are little-endian");

namespace fs = std::filesystem;

struct TypeRow {
  ElementType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr TypeRow types[] = {
    {ElementType::f32, "float", 4},     {ElementType::u8, "uint8", 1},      {ElementType::i8, "int8", 1},
    {ElementType::u16, "uint16", 2},    {ElementType::i16, "int16", 2},     {ElementType::i32, "int32", 4},
    {ElementType::i64, "int64", 8},     {ElementType::boolean, "bool", 1},  {ElementType::f16, "float16", 2},
    {ElementType::f64, "double", 8},    {ElementType::u32, "uint32", 4},    {ElementType::u64, "uint64", 8},
    {ElementType::bf16, "bfloat16", 2}, {ElementType::string, "string", 0}, {ElementType::undefined, "undefined", 0},
};
const TypeRow* row_of(ElementType type) {
  for (const TypeRow& row : types)
    if (row.type == type) return &row;
  return nullptr;
}

// Texts of a file end up in messages of one line: nothing but printable characters.
std::string clean(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return text;
}

class Reader {
 public:
  Reader(std::string name, fs::path folder) : name_(std::move(name)), folder_(std::move(folder)) {}

  GraphData model(const ::onnx::ModelProto& proto) {
    if (!proto.has_graph()) fail("there is no graph in it; is it an ONNX model?");
    GraphData data;
    data.producer = clean(proto.producer_name());
    for (const auto& set : proto.opset_import()) {
      const std::string domain = set.domain() == "ai.onnx" ? "" : clean(set.domain());
      if (set.version() < 1 || set.version() > 1000) fail(cat("opset ", set.version(), " does not exist"));
      data.opsets[domain] = static_cast<int>(set.version());
    }
    graph(proto.graph(), data);
    return data;
  }

  std::pair<std::string, Array> named_array(const ::onnx::TensorProto& proto) {
    return {clean(proto.name()), array(proto, cat("tensor '", clean(proto.name()), "'"))};
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw FileError(cat(name_, ": ", what)); }

  void graph(const ::onnx::GraphProto& proto, GraphData& data) {
    data.name = clean(proto.name());
    if (proto.sparse_initializer_size() > 0) fail("sparse initialisers are not supported; store them as dense tensors");
    for (const auto& tensor : proto.initializer())
      data.initialisers.emplace_back(clean(tensor.name()),
                                     array(tensor, cat("initialiser '", clean(tensor.name()), "'")));
    for (const auto& value : proto.input()) data.inputs.push_back(port(value));
    for (const auto& value : proto.output()) data.outputs.push_back(port(value));
    for (const auto& node : proto.node()) {
      data.nodes.push_back(this->node(node));
      data.nodes.back().line = static_cast<int>(data.nodes.size());
    }
  }

  GraphNode node(const ::onnx::NodeProto& proto) {
    GraphNode node;
    node.op = clean(proto.op_type());
    node.domain = proto.domain() == "ai.onnx" ? "" : clean(proto.domain());
    node.name = clean(proto.name());
    for (const std::string& name : proto.input()) node.inputs.push_back(clean(name));
    for (const std::string& name : proto.output()) node.outputs.push_back(clean(name));
    for (const auto& a : proto.attribute()) {
      const std::string where = cat("attribute '", clean(a.name()), "' of node '", node.name, "' (", node.op, ")");
      if (std::optional<Attribute> value = attribute(a, where)) node.attributes.emplace(a.name(), std::move(*value));
    }
    return node;
  }

  std::shared_ptr<const GraphData> subgraph(const ::onnx::GraphProto& proto) {
    auto data = std::make_shared<GraphData>();
    graph(proto, *data);
    return data;
  }

  // Nothing for kinds that no importable operator takes (types, lists of graphs): the operator is refused by its name.
  std::optional<Attribute> attribute(const ::onnx::AttributeProto& a, const std::string& where) {
    using P = ::onnx::AttributeProto;
    switch (a.type()) {
      case P::INT:
        return a.i();
      case P::FLOAT:
        return a.f();
      case P::STRING:
        return clean(a.s());
      case P::INTS:
        return std::vector<std::int64_t>(a.ints().begin(), a.ints().end());
      case P::FLOATS:
        return std::vector<float>(a.floats().begin(), a.floats().end());
      case P::STRINGS:
        return std::vector<std::string>(a.strings().begin(), a.strings().end());
      case P::TENSOR:
        return array(a.t(), where);
      case P::GRAPH:
        return subgraph(a.g());
      case P::UNDEFINED:
        return untyped(a, where);
      default:
        return std::nullopt;
    }
  }
  // Files of the first exporters do not say what kind an attribute is.
  std::optional<Attribute> untyped(const ::onnx::AttributeProto& a, const std::string& where) {
    if (a.has_i()) return a.i();
    if (a.has_f()) return a.f();
    if (a.has_s()) return clean(a.s());
    if (a.has_t()) return array(a.t(), where);
    if (a.has_g()) return subgraph(a.g());
    if (a.ints_size() > 0) return std::vector<std::int64_t>(a.ints().begin(), a.ints().end());
    if (a.floats_size() > 0) return std::vector<float>(a.floats().begin(), a.floats().end());
    return std::nullopt;
  }

  GraphPort port(const ::onnx::ValueInfoProto& proto) const {
    GraphPort port;
    port.name = clean(proto.name());
    if (!proto.type().has_tensor_type()) return port;
    const auto& type = proto.type().tensor_type();
    port.type = static_cast<ElementType>(type.elem_type());
    if (!type.has_shape()) return port;
    port.shape.emplace();
    for (const auto& dim : type.shape().dim()) {
      Dimension d;
      if (dim.has_dim_value()) {
        // Some exporters write 0 or −1 for what is open.
        if (dim.dim_value() > 0) d.size = dim.dim_value();
      } else {
        d.symbol = clean(dim.dim_param());
      }
      port.shape->push_back(std::move(d));
    }
    return port;
  }

  Shape shape(const ::onnx::TensorProto& proto, const std::string& what) const {
    if (proto.dims_size() > max_rank)
      fail(cat(what, " has ", proto.dims_size(), " dimensions; at most ", max_rank, " are supported"));
    for (const std::int64_t dim : proto.dims())
      if (dim < 0) fail(cat(what, " has a dimension of ", dim));
    try {
      const std::vector<Index> dims(proto.dims().begin(), proto.dims().end());
      return Shape(dims);
    } catch (const ShapeError& error) {
      fail(cat(what, ": ", error.what()));
    }
  }

  Array array(const ::onnx::TensorProto& proto, const std::string& what) const {
    const auto type = static_cast<ElementType>(proto.data_type());
    const TypeRow* row = row_of(type);
    if (row == nullptr || row->bytes == 0)
      fail(cat(what, " has elements of type ", row != nullptr ? row->name : "number ",
               row != nullptr ? "" : std::to_string(proto.data_type()),
               "; supported are floating-point, whole and truth values"));
    const Shape dims = shape(proto, what);
    if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
      const std::string bytes = external(proto, dims.size(), row->bytes, what);
      return {from_raw(bytes, dims, *row, what), type};
    }
    if (proto.has_raw_data()) return {from_raw(proto.raw_data(), dims, *row, what), type};
    return {from_fields(proto, dims, *row, what), type};
  }

  void require_count(std::int64_t given, Index wanted, const std::string& what, const char* unit) const {
    if (given != wanted)
      fail(cat(what, " has ", given, ' ', unit, " where its shape and type need ", wanted, "; the file is damaged"));
  }

  Tensor from_raw(const std::string& raw, const Shape& dims, const TypeRow& row, const std::string& what) const {
    if (dims.size() > std::numeric_limits<Index>::max() / 8) fail(cat(what, " is too large"));
    require_count(static_cast<std::int64_t>(raw.size()), dims.size() * static_cast<Index>(row.bytes), what, "bytes");
    const auto each = [&]<class Stored>(Stored, auto&& convert) {
      using To = decltype(convert(Stored{}));
      Tensor tensor = Tensor::uninitialised(dims, dtype_of<To>);
      To* to = tensor.mutable_data<To>().data();
      for (Index i = 0; i < dims.size(); ++i) {
        Stored value;
        std::memcpy(&value, raw.data() + static_cast<std::size_t>(i) * sizeof value, sizeof value);
        to[i] = convert(value);
      }
      return tensor;
    };
    const auto whole = [](auto value) { return static_cast<double>(value); };
    switch (row.type) {
      case ElementType::f32:
        return each(float{}, [](float value) { return value; });
      case ElementType::f64:
        return each(double{}, [](double value) { return value; });
      case ElementType::f16:
        return each(std::uint16_t{}, &float_from_half);
      case ElementType::bf16:
        return each(std::uint16_t{}, &float_from_bfloat);
      case ElementType::u8:
        return each(std::uint8_t{}, whole);
      case ElementType::i8:
        return each(std::int8_t{}, whole);
      case ElementType::u16:
        return each(std::uint16_t{}, whole);
      case ElementType::i16:
        return each(std::int16_t{}, whole);
      case ElementType::i32:
        return each(std::int32_t{}, whole);
      case ElementType::u32:
        return each(std::uint32_t{}, whole);
      case ElementType::i64:
        return each(std::int64_t{}, whole);
      case ElementType::u64:
        return each(std::uint64_t{}, whole);
      default:
        return each(std::uint8_t{}, [](std::uint8_t value) { return value != 0 ? 1.0 : 0.0; });
    }
  }

  Tensor from_fields(const ::onnx::TensorProto& proto, const Shape& dims, const TypeRow& row,
                     const std::string& what) const {
    const auto copy = [&](const auto& field, auto&& convert) {
      require_count(field.size(), dims.size(), what, "numbers");
      using To = decltype(convert(field[0]));
      Tensor tensor = Tensor::uninitialised(dims, dtype_of<To>);
      To* to = tensor.mutable_data<To>().data();
      for (const auto value : field) *to++ = convert(value);
      return tensor;
    };
    const auto whole = [](auto value) { return static_cast<double>(value); };
    switch (row.type) {
      case ElementType::f32:
        return copy(proto.float_data(), [](float value) { return value; });
      case ElementType::f64:
        return copy(proto.double_data(), [](double value) { return value; });
      case ElementType::f16:
        return copy(proto.int32_data(), [](std::int32_t v) { return float_from_half(static_cast<std::uint16_t>(v)); });
      case ElementType::bf16:
        return copy(proto.int32_data(),
                    [](std::int32_t v) { return float_from_bfloat(static_cast<std::uint16_t>(v)); });
      case ElementType::i64:
        return copy(proto.int64_data(), whole);
      case ElementType::u32:
      case ElementType::u64:
        return copy(proto.uint64_data(), whole);
      case ElementType::boolean:
        return copy(proto.int32_data(), [](std::int32_t v) { return v != 0 ? 1.0 : 0.0; });
      default:
        return copy(proto.int32_data(), whole);
    }
  }

  // Bytes of a file beside the model. Nothing outside of the model's folder is opened, links included.
  std::string external(const ::onnx::TensorProto& proto, Index count, std::size_t size, const std::string& what) const {
    std::string location;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;
    const auto number = [&](const std::string& text) {
      if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
        fail(cat(what, " has external data at '", clean(text.substr(0, 40)), "', which is no number"));
      return std::stoull(text);
    };
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = number(entry.value());
      if (entry.key() == "length") length = number(entry.value());
    }
    const std::string file_text = cat(what, " has external data in '", clean(location.substr(0, 200)), "'");
    if (folder_.empty()) fail(cat(file_text, ", but this model does not lie in a folder"));
    const fs::path relative(location);
    if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
      fail(cat(file_text, "; a path relative to the model's folder is needed"));
    std::error_code error;
    const fs::path root = fs::canonical(folder_, error);
    const fs::path file = error ? fs::path() : fs::canonical(root / relative, error);
    if (error) fail(cat(file_text, ", which cannot be opened: ", error.message()));
    const auto [root_end, ignored] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
    if (root_end != root.end()) fail(cat(file_text, ", outside of the model's folder; it is not read"));
    if (!fs::is_regular_file(file, error)) fail(cat(file_text, ", which is not a file"));
    const std::uint64_t available = fs::file_size(file, error);
    if (error) fail(cat(file_text, ", which cannot be read: ", error.message()));
    if (static_cast<std::uint64_t>(count) > std::numeric_limits<std::uint64_t>::max() / size / 2)
      fail(cat(what, " is too large"));
    const std::uint64_t wanted = static_cast<std::uint64_t>(count) * size;
    if (length && *length != wanted)
      require_count(static_cast<std::int64_t>(*length), static_cast<Index>(wanted), what, "bytes");
    if (offset > available || wanted > available - offset)
      fail(cat(file_text, ", which has ", available, " bytes; ", wanted, " from position ", offset, " are needed"));
    std::ifstream in(file, std::ios::binary);
    std::string bytes(static_cast<std::size_t>(wanted), '\0');
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(bytes.data(), static_cast<std::streamsize>(wanted));
    if (!in) fail(cat(file_text, ", which cannot be read"));
    return bytes;
  }

  std::string name_;
  fs::path folder_;
};

template <class Proto>
Proto parsed(std::string_view bytes, const std::string& name, const char* what) {
  if (bytes.empty()) throw FileError(cat(name, ": the file is empty; ", what, " was expected"));
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw FileError(cat(name, ": is larger than 2 GiB; store the weights as external data"));
  Proto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw FileError(cat(name, ": is not ", what, ", or is damaged or truncated (", bytes.size(), " bytes)"));
  return proto;
}

std::string read_file(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) throw FileError(cat(file.string(), ": there is no such file"));
  if (fs::is_directory(file, error)) throw FileError(cat(file.string(), ": is a folder; an ONNX file was expected"));
  std::ifstream in(file, std::ios::binary);
  if (!in) throw FileError(cat(file.string(), ": cannot be opened for reading"));
  const std::uintmax_t size = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
  std::string bytes;
  if (size > 0) {
    if (size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max()))
      throw FileError(cat(file.string(), ": is larger than 2 GiB; store the weights as external data"));
    bytes.resize(size);
    in.read(bytes.data(), static_cast<std::streamsize>(size));
    if (!in) throw FileError(cat(file.string(), ": cannot be read"));
  } else {
    // A pipe: as much as a protocol buffer may have.
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  return bytes;
}

}  // namespace

std::string_view to_string(ElementType type) {
  const TypeRow* row = row_of(type);
  return row != nullptr ? row->name : "unknown";
}

bool is_float(ElementType type) {
  return type == ElementType::f32 || type == ElementType::f64 || type == ElementType::f16 || type == ElementType::bf16;
}

GraphData parse_graph(std::string_view bytes, const std::string& name, const fs::path& folder) {
  return Reader(name, folder).model(parsed<::onnx::ModelProto>(bytes, name, "an ONNX model"));
}

GraphData read_graph(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  return parse_graph(read_file(file), file.string(), folder);
}

std::pair<std::string, Array> parse_array(std::string_view bytes, const std::string& name) {
  if (bytes.empty()) throw FileError(cat(name, ": the file is empty; a tensor was expected"));
  return Reader(name, {}).named_array(parsed<::onnx::TensorProto>(bytes, name, "a tensor of ONNX"));
}

}  // namespace taut::nn::onnx
