// From GraphData to ONNX's protocol buffers.
#include <bit>
#include <cstring>
#include <fstream>

#include "autodiff/error.h"
#include "nn/onnx/format/schema.h"
#include "nn/onnx/graph.h"

namespace taut::nn::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw data of ONNX files are little-endian");

void fill(::onnx::TensorProto& proto, const Array& array) {
  for (const Index dim : array.tensor.shape().dims()) proto.add_dims(dim);
  proto.set_data_type(static_cast<std::int32_t>(array.type));
  const Index n = array.tensor.size();
  std::string& raw = *proto.mutable_raw_data();
  const auto put = [&]<class Stored>(Stored) {
    raw.resize(static_cast<std::size_t>(n) * sizeof(Stored));
    for (Index i = 0; i < n; ++i) {
      const auto value = static_cast<Stored>(array.tensor.at(i));
      std::memcpy(raw.data() + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
    }
  };
  switch (array.type) {
    case ElementType::f32:
      return put(float{});
    case ElementType::f64:
      return put(double{});
    case ElementType::i32:
      return put(std::int32_t{});
    case ElementType::i64:
      return put(std::int64_t{});
    case ElementType::i8:
      return put(std::int8_t{});
    case ElementType::u8:
    case ElementType::boolean:
      return put(std::uint8_t{});
    default:
      throw UnsupportedError(cat("[onnx] tensors of type ", to_string(array.type), " cannot be written"));
  }
}

void fill(::onnx::GraphProto& proto, const GraphData& data);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void fill(::onnx::AttributeProto& proto, const Attribute& attribute) {
  using P = ::onnx::AttributeProto;
  std::visit(Overloaded{
                 [&](std::int64_t value) { proto.set_type(P::INT), proto.set_i(value); },
                 [&](float value) { proto.set_type(P::FLOAT), proto.set_f(value); },
                 [&](const std::string& value) { proto.set_type(P::STRING), proto.set_s(value); },
                 [&](const std::vector<std::int64_t>& values) {
                   proto.set_type(P::INTS);
                   for (const std::int64_t value : values) proto.add_ints(value);
                 },
                 [&](const std::vector<float>& values) {
                   proto.set_type(P::FLOATS);
                   for (const float value : values) proto.add_floats(value);
                 },
                 [&](const std::vector<std::string>& values) {
                   proto.set_type(P::STRINGS);
                   for (const std::string& value : values) proto.add_strings(value);
                 },
                 [&](const Array& array) {
                   proto.set_type(P::TENSOR);
                   fill(*proto.mutable_t(), array);
                 },
                 [&](const std::shared_ptr<const GraphData>& graph) {
                   proto.set_type(P::GRAPH);
                   fill(*proto.mutable_g(), *graph);
                 },
             },
             attribute);
}

void fill(::onnx::ValueInfoProto& proto, const GraphPort& port) {
  proto.set_name(port.name);
  auto& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<std::int32_t>(port.type));
  if (!port.shape) return;
  auto& shape = *type.mutable_shape();
  for (const Dimension& dimension : *port.shape) {
    auto& dim = *shape.add_dim();
    if (dimension.size)
      dim.set_dim_value(*dimension.size);
    else
      dim.set_dim_param(dimension.symbol);
  }
}

void fill(::onnx::GraphProto& graph, const GraphData& data) {
  graph.set_name(data.name);
  for (const GraphPort& port : data.inputs) fill(*graph.add_input(), port);
  for (const GraphPort& port : data.outputs) fill(*graph.add_output(), port);
  for (const auto& [name, array] : data.initialisers) {
    auto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    fill(tensor, array);
  }
  for (const GraphNode& node : data.nodes) {
    auto& proto = *graph.add_node();
    proto.set_op_type(node.op);
    proto.set_domain(node.domain);
    proto.set_name(node.name);
    for (const std::string& name : node.inputs) proto.add_input(name);
    for (const std::string& name : node.outputs) proto.add_output(name);
    for (const auto& [name, value] : node.attributes) {
      auto& attribute = *proto.add_attribute();
      attribute.set_name(name);
      fill(attribute, value);
    }
  }
}

// The version of the file format that came with an opset; older programs refuse newer ones.
int format_of(int opset) {
  return opset <= 8 ? 3 : opset == 9 ? 4 : opset == 10 ? 5 : opset == 11 ? 6 : opset <= 14 ? 7 : 8;
}

}  // namespace

std::string serialise(const GraphData& data) {
  ::onnx::ModelProto model;
  int opset = 1;
  for (const auto& [domain, version] : data.opsets) {
    auto& set = *model.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
    if (domain.empty()) opset = version;
  }
  model.set_ir_version(format_of(opset));
  model.set_producer_name(data.producer);
  fill(*model.mutable_graph(), data);
  std::string bytes;
  if (!model.SerializeToString(&bytes))
    throw UnsupportedError("[onnx] the model exceeds 2 GiB, which a single ONNX file cannot hold");
  return bytes;
}

void write_graph(const GraphData& data, const std::filesystem::path& file) {
  const std::string bytes = serialise(data);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw FileError(cat(file.string(), ": cannot be written; is the folder there, and is there space?"));
}

}  // namespace taut::nn::onnx
