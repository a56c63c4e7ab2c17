// LSTM, GRU and RNN, written out step by step: what they are made of has its rules.
#include <algorithm>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"

namespace taut::nn::onnx {
namespace {

using Activation = std::function<Var(const Var&)>;

// The functions of the gates, in the order of the file; each takes what it needs of the lists of alphas and betas.
class Activations {
 public:
  Activations(Call& call, std::vector<std::string> names) : call_(call), names_(std::move(names)) {
    alphas_ = call.fs("activation_alpha").value_or(std::vector<double>{});
    betas_ = call.fs("activation_beta").value_or(std::vector<double>{});
  }

  std::vector<Activation> all() {
    std::vector<Activation> list;
    for (const std::string& name : names_) list.push_back(one(name));
    return list;
  }

 private:
  double next(std::vector<double>& numbers, double otherwise) {
    if (numbers.empty()) return otherwise;
    const double x = numbers.front();
    numbers.erase(numbers.begin());
    return x;
  }
  Activation one(const std::string& name) {
    const Where where = call_.where();
    if (name == "Sigmoid") return [=](const Var& x) { return sigmoid(x, where); };
    if (name == "Tanh") return [=](const Var& x) { return tanh(x, where); };
    if (name == "Relu") return [=](const Var& x) { return relu(x, where); };
    if (name == "Softsign") return [=](const Var& x) { return softsign(x, where); };
    if (name == "Softplus") return [=](const Var& x) { return softplus(x, where); };
    if (name == "LeakyRelu") return [=, a = next(alphas_, 0.01F)](const Var& x) { return leaky_relu(x, a, where); };
    if (name == "Elu") return [=, a = next(alphas_, 1.0)](const Var& x) { return elu(x, a, where); };
    const double a = next(alphas_, name == "HardSigmoid" ? 0.2F : 1.0), b = next(betas_, name == "HardSigmoid"  ? 0.5
                                                                                         : name == "ScaledTanh" ? 1.0
                                                                                                                : 0.0);
    if (name == "HardSigmoid") return [=](const Var& x) { return hard_sigmoid(x, a, b, where); };
    if (name == "ScaledTanh") return [=](const Var& x) { return scale(tanh(scale(x, b, where), where), a, where); };
    if (name == "Affine") return [=](const Var& x) { return shift(scale(x, a, where), b, where); };
    call_.unsupported(cat("the activation ", name.substr(0, 40)));
  }

  Call& call_;
  std::vector<std::string> names_;
  std::vector<double> alphas_, betas_;
};

// The weights of one direction. A state that is not defined is 0.
struct Direction {
  Var input, recurrent;            // (gates · H, I) and (gates · H, H)
  Var input_bias, recurrent_bias;  // (gates · H), or undefined
  Var peepholes;                   // (3 · H), or undefined
  Var hidden, cell;                // (batch, H)
  std::vector<Activation> functions;
  bool backwards = false;
};

class Recurrence {
 public:
  Recurrence(Call& call, Index gates, std::vector<std::string> activations)
      : call_(call), where_(call.where()), gates_(gates), batch_first_(call.i("layout", 0) != 0) {
    for (int i = 1; i < call.count(); ++i)
      if (call.varies(i) && i != 5 && i != 6) call.unsupported("weights that depend on the input of the model");
    x_ = call.x(0);
    if (x_.shape().rank() != 3) call.fail(cat("its sequence must have three axes, got ", x_.shape()));
    if (batch_first_) x_ = permute(x_, {1, 0, 2}, where_);
    steps_ = x_.shape()[0];
    batch_ = x_.shape()[1];
    size_ = call.x(2).shape().rank() == 3 ? call.x(2).shape()[2] : 0;
    if (steps_ < 1 || size_ < 1 || call.i("hidden_size", size_) != size_) call.fail("its sizes do not fit");
    call.require_moderate(static_cast<double>(steps_) * static_cast<double>(batch_ * size_ * gates_));
    require_whole_sequences();
    const std::string direction = call.s("direction", "forward");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
      call.fail("its direction must be forward, reverse or bidirectional");
    directions_ = direction == "bidirectional" ? 2 : 1;
    if (const auto* names = names_of_activations(); names != nullptr)
      activations = *names;
    else if (directions_ == 2)
      for (std::size_t k = 0, each = activations.size(); k < each; ++k) activations.push_back(activations[k]);
    const std::vector<Activation> functions = Activations(call, activations).all();
    const std::size_t each = functions.size() / static_cast<std::size_t>(directions_);
    for (Index d = 0; d < directions_; ++d) {
      Direction one = weights(d);
      one.functions.assign(functions.begin() + static_cast<std::ptrdiff_t>(each) * d,
                           functions.begin() + static_cast<std::ptrdiff_t>(each) * (d + 1));
      one.backwards = direction == "reverse" || d == 1;
      all_.push_back(std::move(one));
    }
  }

  // next(direction, step's input part of the gates) advances the direction's states.
  template <class Next>
  void run(std::size_t functions, Next&& next) {
    std::vector<Var> outputs, hidden, cells;
    for (Direction& d : all_) {
      if (d.functions.size() != functions) call_.fail(cat("it needs ", functions, " activations per direction"));
      const Var parts = dense(x_, d.input, d.input_bias, where_);
      std::vector<Var> values(static_cast<std::size_t>(steps_));
      for (Index t = 0; t < steps_; ++t) {
        const Index at = d.backwards ? steps_ - 1 - t : t;
        next(d, reshape(slice(parts, 0, at, at + 1, 1, where_), Shape{batch_, gates_ * size_}, where_));
        values[static_cast<std::size_t>(at)] = reshape(d.hidden, Shape{1, 1, batch_, size_}, where_);
      }
      outputs.push_back(joined(values, 0));
      hidden.push_back(reshape(d.hidden, Shape{1, batch_, size_}, where_));
      if (d.cell.defined()) cells.push_back(reshape(d.cell, Shape{1, batch_, size_}, where_));
    }
    const Var y = joined(outputs, 1);
    call_.out(0, batch_first_ ? permute(y, {2, 0, 1, 3}, where_) : y);
    if (call_.output_count() > 1) call_.out(1, state(hidden));
    if (call_.output_count() > 2) call_.out(2, state(cells));
  }

  Var gate(const Var& all, Index k) const {
    return slice(all, all.shape().rank() - 1, k * size_, (k + 1) * size_, 1, where_);
  }
  // R h of these gates.
  Var recurrent(const Direction& d, const Var& h, Index from, Index to) const {
    return dense(h, slice(d.recurrent, 0, from * size_, to * size_, 1, where_), Var(), where_);
  }
  Var clipped(const Var& x) const {
    return call_.has("clip") ? clip(x, -call_.f("clip", 0.0), call_.f("clip", 0.0), where_) : x;
  }

 private:
  const std::vector<std::string>* names_of_activations() const {
    const auto found = call_.node().attributes.find("activations");
    return found != call_.node().attributes.end() ? std::get_if<std::vector<std::string>>(&found->second) : nullptr;
  }
  void require_whole_sequences() {
    if (!call_.has(4)) return;
    for (const Index length : call_.whole_numbers(4, "sequence_lens"))
      if (length != steps_) call_.unsupported(cat("sequences of ", length, " out of ", steps_, " steps"));
  }
  Var part(int operand, Index d) const {
    if (!call_.has(operand)) return {};
    const Var& all = call_.x(operand);
    if (all.shape().rank() < 2 || all.shape()[0] != directions_)
      call_.fail(cat("operand ", operand + 1, " must have ", directions_, " directions, got ", all.shape()));
    return reshape(slice(all, 0, d, d + 1, 1, where_), all.shape().without(0), where_);
  }
  Var initial(int operand, Index d) const {
    if (!call_.has(operand)) return {};
    const Var& all = call_.x(operand);
    const int axis = batch_first_ ? 1 : 0;
    if (all.shape().rank() != 3 || all.shape()[axis] != directions_) call_.fail("its initial states do not fit");
    return reshape(slice(all, axis, d, d + 1, 1, where_), Shape{batch_, size_}, where_);
  }
  Direction weights(Index d) const {
    Direction one;
    one.input = part(1, d);
    one.recurrent = part(2, d);
    const Var bias = part(3, d);
    const Index n = gates_ * size_;
    if (one.input.shape() != Shape{n, x_.shape()[2]} || one.recurrent.shape() != Shape{n, size_} ||
        (bias.defined() && bias.shape() != Shape{2 * n}))
      call_.fail("the shapes of its weights do not fit");
    if (bias.defined()) {
      one.input_bias = slice(bias, 0, 0, n, 1, where_);
      one.recurrent_bias = slice(bias, 0, n, 2 * n, 1, where_);
    }
    one.hidden = initial(5, d);
    if (call_.node().op == "LSTM") {
      one.cell = initial(6, d);
      one.peepholes = part(7, d);
    }
    return one;
  }
  Var joined(const std::vector<Var>& parts, int axis) const {
    return parts.size() == 1 ? parts.front() : concat(parts, axis, where_);
  }
  Var state(const std::vector<Var>& directions) const {
    const Var y = joined(directions, 0);
    return batch_first_ ? permute(y, {1, 0, 2}, where_) : y;
  }

  Call& call_;
  Where where_;
  Index gates_, steps_ = 0, batch_ = 0, size_ = 0, directions_ = 1;
  bool batch_first_;
  Var x_;
  std::vector<Direction> all_;
};

Var sum_of(const Var& a, const Var& b, Where where) { return a.defined() && b.defined() ? add(a, b, where) : a; }

void rnn(Call& call) {
  Recurrence cell(call, 1, {"Tanh"});
  const Where where = call.where();
  cell.run(1, [&](Direction& d, const Var& input) {
    Var z = sum_of(input, d.recurrent_bias, where);
    if (d.hidden.defined()) z = add(z, cell.recurrent(d, d.hidden, 0, 1), where);
    d.hidden = d.functions[0](cell.clipped(z));
  });
}

// Gates i, o, f, c; peepholes i, o, f.
void lstm(Call& call) {
  Recurrence cell(call, 4, {"Sigmoid", "Tanh", "Tanh"});
  const Where where = call.where();
  const bool coupled = call.i("input_forget", 0) != 0;
  cell.run(3, [&](Direction& d, const Var& input) {
    Var z = sum_of(input, d.recurrent_bias, where);
    if (d.hidden.defined()) z = add(z, cell.recurrent(d, d.hidden, 0, 4), where);
    const auto gate = [&](Index k, Index peephole, const Var& seen) {
      Var g = cell.gate(z, k);
      if (d.peepholes.defined() && seen.defined())
        g = add(g, mul(seen, cell.gate(d.peepholes, peephole), where), where);
      return d.functions[0](cell.clipped(g));
    };
    const Var in = gate(0, 0, d.cell);
    Var next = mul(in, d.functions[1](cell.clipped(cell.gate(z, 3))), where);
    if (d.cell.defined()) {
      const Var forget = coupled ? shift(neg(in, where), 1.0, where) : gate(2, 2, d.cell);
      next = add(mul(forget, d.cell, where), next, where);
    }
    d.cell = next;
    d.hidden = mul(gate(1, 1, d.cell), d.functions[2](d.cell), where);
  });
}

// Gates z, r, h.
void gru(Call& call) {
  Recurrence cell(call, 3, {"Sigmoid", "Tanh"});
  const Where where = call.where();
  const bool linear_first = call.i("linear_before_reset", 0) != 0;
  cell.run(2, [&](Direction& d, const Var& input) {
    const bool moves = d.hidden.defined();
    Var gates = slice(input, 1, 0, 2 * input.shape()[1] / 3, 1, where);
    if (d.recurrent_bias.defined())
      gates = add(gates, slice(d.recurrent_bias, 0, 0, gates.shape()[1], 1, where), where);
    if (moves) gates = add(gates, cell.recurrent(d, d.hidden, 0, 2), where);
    const Var update = d.functions[0](cell.clipped(cell.gate(gates, 0))),
              reset = d.functions[0](cell.clipped(cell.gate(gates, 1)));
    const Var bias = d.recurrent_bias.defined() ? cell.gate(d.recurrent_bias, 2) : Var();
    Var candidate = cell.gate(input, 2);
    if (linear_first) {
      const Var before = moves ? sum_of(cell.recurrent(d, d.hidden, 2, 3), bias, where) : bias;
      if (before.defined()) candidate = add(candidate, mul(reset, before, where), where);
    } else {
      candidate = sum_of(candidate, bias, where);
      if (moves) candidate = add(candidate, cell.recurrent(d, mul(reset, d.hidden, where), 2, 3), where);
    }
    const Var fresh = mul(shift(neg(update, where), 1.0, where), d.functions[1](cell.clipped(candidate)), where);
    d.hidden = moves ? add(fresh, mul(update, d.hidden, where), where) : fresh;
  });
}

constexpr std::string_view fixed = "of a fixed length, written out";
constexpr Operator recurrent_table[] = {
    {"GRU", Kind::computes, 7, gru, "dense, sigmoid, tanh, mul, add", fixed},
    {"LSTM", Kind::computes, 7, lstm, "dense, sigmoid, tanh, mul, add", fixed},
    {"RNN", Kind::computes, 7, rnn, "dense, tanh, add", fixed},
};

}  // namespace

std::span<const Operator> recurrent_operators() { return recurrent_table; }

}  // namespace taut::nn::onnx
