#include "cli/options.h"

#include <array>

namespace taut::cli {
namespace {

using Text = const std::string&;

constexpr std::array<CommandRow, 4> command_table{{
    {Command::bound, "bound", "MODEL.onnx", "lower and upper bounds of the Lipschitz constant of a network",
     "Runs several analyses and prints what each of them proves, and lower <= L <= upper in the last line. The "
     "constant "
     "is that of one sample: the largest ratio of the distance of two outputs to the distance of their inputs."},
    {Command::layers, "layers", "MODEL.onnx", "the norm of every layer of a network",
     "Prints one row per Conv, ConvTranspose, Gemm, MatMul and BatchNormalization as they are in the file, then the "
     "maps that remain when what is affine in a row has been folded into one."},
    {Command::completion, "completion", "bash|zsh", "a completion script for a shell",
     "Prints a script that completes commands, options and their values."},
    {Command::man, "man", "", "the man page", "Prints the man page as roff: taut man | man -l -"},
}};

constexpr std::array<OptionRow, 15> option_table{{
    {"--methods", "LIST",
     "analyses, separated by commas, or all that apply; default: frobenius, autolip, seqlip, ascent, dataset with "
     "--data, "
     "and exact if the input has at most 2 numbers",
     true, false, Values::methods, "", [](Settings& s, Text text) { set_methods(s, text); }},
    {"--norm", "NORM", "of inputs and outputs: l2 (default), l1 or linf", true, true, Values::words, "l2 l1 linf",
     [](Settings& s, Text text) { s.norm = norm_of(text); }},
    {"--box", "LO:HI", "bound the constant where every number of the input lies from LO to HI, not over all reals",
     true, false, Values::none, "", [](Settings& s, Text text) { s.box = box_of(text); }},
    {"--input", "NAME", "of several inputs the one that varies; the others are held at 0", true, true, Values::none, "",
     [](Settings& s, Text text) { s.import.input = text; }},
    {"--output", "NAME", "of several outputs the one to look at", true, true, Values::none, "",
     [](Settings& s, Text text) { s.import.output = text; }},
    {"--input-shape", "SIZES",
     "shape of the input, such as 1x1x28x28, where the file leaves sizes open or to look at another number of samples",
     true, true, Values::none, "", [](Settings& s, Text text) { s.import.input_shape = shape_of(text); }},
    {"--batch-axis", "N",
     "the axis of the inputs along which samples lie, counted from 0, refused unless they are proved to stay apart; "
     "none: the whole tensor is one input; default: 0 if that is proved, else none",
     true, true, Values::words, "none 0 1", [](Settings& s, Text text) { s.import.batch_axis = batch_axis_of(text); }},
    {"--data", "FILE",
     "points for the methods dataset and pairs, and from which ascent and annealing start: IDX, IDX.gz or NPY; bytes "
     "become numbers from 0 to 1",
     true, false, Values::files, "", [](Settings& s, Text text) { s.data = text; }},
    {"--time-limit", "SECONDS", "stop then; what is proved by then is printed and marked as cut", true, true,
     Values::none, "", [](Settings& s, Text text) { s.time_limit = seconds_of(text); }},
    {"--threads", "N", "threads to compute with (default 1)", true, true, Values::none, "",
     [](Settings& s, Text text) { s.threads = static_cast<int>(whole_number_of(text, 1, 1024)); }},
    {"--seed", "N", "of random numbers (default 0): the same seed gives the same results", true, true, Values::none, "",
     [](Settings& s, Text text) { s.seed = whole_number_of(text, 0, UINT64_MAX); }},
    {"--spectrum", "", "all singular values of every layer as well", false, true, Values::none, "",
     [](Settings& s, Text) { s.spectrum = true; }},
    {"--report", "FILE", "write a page to look at, HTML in one file", true, false, Values::files, "",
     [](Settings& s, Text text) { s.report = text; }},
    {"--json", "", "print one JSON object and nothing else", true, true, Values::none, "",
     [](Settings& s, Text) { s.json = true; }},
    {"--help", "", "print this", true, true, Values::none, "", nullptr},
}};

}  // namespace

std::span<const CommandRow> commands() { return command_table; }
std::span<const OptionRow> options() { return option_table; }

bool belongs(const OptionRow& row, Command command) {
  return (command == Command::bound && row.of_bound) || (command == Command::layers && row.of_layers);
}

std::string_view description() {
  return "taut bounds the Lipschitz constant of a neural network in an ONNX file: how much its output can move when "
         "its "
         "input moves. Every bound says how far it can be trusted. A certified one is true in exact arithmetic of the "
         "network with its stored weights, all rounding errors of the computation included; a probabilistic one is "
         "true "
         "except with the failure probability that is printed; an estimate proves nothing.";
}

std::string_view exit_status() {
  return "0: done, also when the constant is infinite or the time ran out. 1: the model or another file cannot be read "
         "or analysed; one line on stderr says why. 2: the command line makes no sense.";
}

}  // namespace taut::cli
