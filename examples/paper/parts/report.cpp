#include "examples/paper/parts/report.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace taut::examples {
namespace {

std::string duration(double seconds) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(seconds < 10.0 ? 1 : 0) << seconds << " s";
  return text.str();
}

std::string markdown(const Session& session, const Report& report) {
  std::ostringstream text;
  text << "## " << report.title << "\n\n";
  for (const std::string& paragraph : report.introduction) text << paragraph << "\n\n";
  for (const Report::Part& part : report.parts) {
    if (!part.heading.empty()) text << "**" << part.heading << "**\n\n";
    text << part.table.markdown() << '\n';
  }
  for (const std::string& note : report.notes) text << "* " << note << '\n';
  text << '\n';
  for (const Report::Picture& picture : report.pictures)
    text << "![" << picture.caption << "](" << picture.file << ")\n\n" << picture.caption << "\n\n";
  text << "`build/examples/paper/" << session.program() << (session.quick() ? " --quick" : "") << " --seed "
       << session.seed() << " --threads " << session.common().threads << "`, " << machine_class() << ": "
       << duration(session.seconds()) << ".\n";
  return text.str();
}

}  // namespace

void publish(const Session& session, const Report& report, const std::vector<Json>& rows, const std::string& csv) {
  std::cout << report.title << '\n';
  for (const Report::Part& part : report.parts) {
    std::cout << '\n';
    if (!part.heading.empty()) std::cout << part.heading << '\n';
    std::cout << part.table.text();
  }
  if (!report.notes.empty()) std::cout << '\n';
  for (const std::string& note : report.notes) std::cout << "* " << note << '\n';
  std::cout << "\nwritten to " << session.file(".{md,csv,json}").string() << ", " << duration(session.seconds())
            << " of computing\n";

  Json json{{"program", session.program()},
            {"seed", session.seed()},
            {"quick", session.quick()},
            {"threads", session.common().threads},
            {"machine", machine_class()},
            {"seconds", session.seconds()},
            {"rows", rows}};
  write_file(session.file(".md").string(), markdown(session, report));
  write_file(session.file(".csv").string(), csv.empty() ? bounds_csv(rows) : csv);
  write_file(session.file(".json").string(), json.dump(2) + "\n");
  if (!session.common().json_file.empty()) write_file(session.common().json_file, json.dump(2) + "\n");
}

}  // namespace taut::examples
