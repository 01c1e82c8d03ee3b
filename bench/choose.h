// Which loops to run: all that there are, or those whose names somebody asked for.
//
// Threads: one.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loops/loop.h"
#include "bench/results.h"

namespace netmem::tool {

// Names that match one of some regular expressions; all names when there are none.
class NameFilter {
 public:
  // Refuses what is no regular expression.
  static Result<NameFilter> create(const std::vector<std::string>& expressions);

  [[nodiscard]] bool wants(std::string_view name) const;
  [[nodiscard]] bool wants_all() const { return expressions_.empty(); }
  // The expressions that match none of `names`.
  [[nodiscard]] std::vector<std::string> unmatched(const std::vector<std::string>& names) const;

 private:
  struct Expression;
  std::vector<std::shared_ptr<const Expression>> expressions_;
};

// Every loop of this program, group by group, and the peers that are not installed.
struct EveryLoop {
  bench::LoopList loops;
  std::vector<MissingLoop> missing;
  std::set<std::string> of_peers;  // names of loops

  [[nodiscard]] std::vector<std::string> names() const;  // of both
};
EveryLoop every_loop();

// The loops that run when nobody asks for others: those that the verdict is about, a few seconds of them.
std::span<const std::string_view> usual_loops();
bool is_usual(std::string_view name);

// Group by group, in the order in which the groups begin; within a group netmem first.
void put_in_order(bench::LoopList& loops);

}  // namespace netmem::tool
