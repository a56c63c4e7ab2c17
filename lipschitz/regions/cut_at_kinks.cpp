#include "lipschitz/regions/cut_at_kinks.h"

#include <algorithm>

namespace taut::detail {
namespace {

// 1: nowhere below the line, −1: nowhere above, 0: both or not known. On the line everywhere either piece will do.
int side_of_all(std::span<const Sign> signs) {
  bool above = true, below = true;
  for (const Sign& s : signs) {
    above = above && s && *s >= 0;
    below = below && s && *s <= 0;
  }
  return above ? 1 : below ? -1 : 0;
}

// Beyond kink j of entry i, where it has not been below an earlier one.
void advance(CellPart& part, std::size_t i, std::size_t j) {
  if (static_cast<std::uint8_t>(part.pieces[i]) == j) ++part.pieces[i];
}

class Cutting {
 public:
  Cutting(const PiecewiseTape& tape, Arrangement& arrangement, const Step& step, const Forms& forms, std::size_t region,
          const std::string& pattern)
      : arrangement_(arrangement),
        step_(step),
        forms_(forms),
        region_(region),
        source_(std::make_shared<const ExactSource>(tape, step.operand, pattern)) {}

  std::optional<CellParts> run(const Cell& cell, const std::function<bool(std::size_t)>& enough) {
    result_.parts.push_back({cell, std::string(static_cast<std::size_t>(step_.size), '\0')});
    for (std::size_t i = 0; i < static_cast<std::size_t>(step_.size); ++i)
      for (std::size_t j = 0; j < step_.breaks.size(); ++j) {
        if (enough(result_.parts.size())) return std::nullopt;
        const Line line = kink(i, j);
        arrangement_.signs(cell, line, signs_);  // most kinks miss the whole cell
        const int side = side_of_all(signs_);
        if (side < 0) break;
        if (side > 0)
          for (CellPart& part : result_.parts) advance(part, i, j);
        else
          cut(line, i, j);
      }
    return std::move(result_);
  }

 private:
  // The form of entry i minus kink j.
  Line kink(std::size_t i, std::size_t j) const {
    Line line;
    const std::size_t at = forms_.at(static_cast<Index>(i), static_cast<Index>(region_));
    for (std::size_t c = 0; c < coefficients; ++c) {
      line.form.value[c] = forms_.value[at + c];
      line.form.error[c] = forms_.error[at + c];
    }
    const Approximate& level = step_.breaks[j];
    if (level.value != 0.0 || level.radius != 0.0) {
      double &c = line.form.value.back(), &e = line.form.error.back();
      const Interval shifted = Interval::point(c) - Interval::point(level.value);
      c = shifted.lo;
      e = add_up(add_up(e, level.radius), sub_up(shifted.hi, shifted.lo));
      line.level = &step_.exact_breaks[j];
    }
    line.source = source_;
    line.entry = i;
    line.has_exact = step_.exact;
    return line;
  }

  void cut(const Line& line, std::size_t i, std::size_t j) {
    std::vector<CellPart>& parts = result_.parts;
    std::optional<std::uint32_t> known;  // in the arrangement
    for (std::size_t p = parts.size(); p-- > 0;) {
      if (static_cast<std::uint8_t>(parts[p].pieces[i]) != j) continue;
      arrangement_.signs(parts[p].cell, line, signs_);
      if (!std::ranges::all_of(signs_, [](const Sign& s) { return s.has_value(); })) {
        ++result_.undecided;
        std::swap(parts[p], parts.back());
        parts.pop_back();
        continue;
      }
      const int side = side_of_all(signs_);
      if (side > 0) advance(parts[p], i, j);
      if (side != 0) continue;
      if (!known) known = arrangement_.add(line);
      auto [above, below] = arrangement_.split(parts[p].cell, *known, signs_);
      CellPart other{std::move(above), parts[p].pieces};
      advance(other, i, j);
      parts[p].cell = std::move(below);
      parts.push_back(std::move(other));
    }
  }

  Arrangement& arrangement_;
  const Step& step_;
  const Forms& forms_;
  std::size_t region_;
  std::shared_ptr<const ExactSource> source_;
  CellParts result_;
  std::vector<Sign> signs_;  // reused
};

}  // namespace

std::optional<CellParts> cut_at_kinks(const PiecewiseTape& tape, Arrangement& arrangement, const Step& step,
                                      const Forms& forms, std::size_t region, const Cell& cell,
                                      const std::string& pattern, const std::function<bool(std::size_t)>& enough) {
  return Cutting(tape, arrangement, step, forms, region, pattern).run(cell, enough);
}

}  // namespace taut::detail
