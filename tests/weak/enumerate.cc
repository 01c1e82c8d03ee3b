#include "tests/weak/enumerate.h"

#include <algorithm>

namespace netmem::weak {
namespace {

constexpr int kLocations = 2;

struct Node {
  int thread;
  SmallProgram::Access access;
  [[nodiscard]] bool reads() const { return access.kind != SmallProgram::Kind::kWrite; }
  [[nodiscard]] bool writes() const { return access.kind != SmallProgram::Kind::kRead; }
  [[nodiscard]] bool acquires() const {
    return reads() && (access.order == std::memory_order_acquire || access.order == std::memory_order_acq_rel);
  }
  [[nodiscard]] bool releases() const {
    return writes() && (access.order == std::memory_order_release || access.order == std::memory_order_acq_rel);
  }
};

using Relation = std::vector<std::vector<bool>>;

void close(Relation& relation) {
  const std::size_t n = relation.size();
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < n; ++i)
      if (relation[i][k])
        for (std::size_t j = 0; j < n; ++j)
          if (relation[k][j]) relation[i][j] = true;
}
bool has_cycle(const Relation& relation) {
  for (std::size_t i = 0; i < relation.size(); ++i)
    if (relation[i][i]) return true;
  return false;
}

class Enumeration {
 public:
  explicit Enumeration(const SmallProgram& program) {
    for (std::size_t t = 0; t < program.threads.size(); ++t)
      for (const SmallProgram::Access& access : program.threads[t]) nodes_.push_back({static_cast<int>(t), access});
    from_.assign(nodes_.size(), -1);
    place_.assign(nodes_.size(), 0);
  }
  std::uint64_t count() {
    choose_from(0);
    return count_;
  }

 private:
  void choose_from(std::size_t i) {
    if (i == nodes_.size()) return choose_order(0);
    if (!nodes_[i].reads()) return choose_from(i + 1);
    from_[i] = -1;
    choose_from(i + 1);
    for (std::size_t w = 0; w < nodes_.size(); ++w) {
      if (w == i || !nodes_[w].writes() || nodes_[w].access.location != nodes_[i].access.location) continue;
      from_[i] = static_cast<int>(w);
      choose_from(i + 1);
    }
  }
  void choose_order(int location) {
    if (location == kLocations) {
      if (allowed()) ++count_;
      return;
    }
    std::vector<std::size_t> writes;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].writes() && nodes_[i].access.location == location) writes.push_back(i);
    do {
      for (std::size_t k = 0; k < writes.size(); ++k) place_[writes[k]] = static_cast<int>(k) + 1;
      choose_order(location + 1);
    } while (std::ranges::next_permutation(writes).found);
  }

  [[nodiscard]] int place_of(int write) const { return write < 0 ? 0 : place_[static_cast<std::size_t>(write)]; }
  // Where the value that the event leaves or sees stands among the writes.
  [[nodiscard]] bool same_place(std::size_t a, std::size_t b) const {
    return nodes_[a].access.location == nodes_[b].access.location;
  }

  [[nodiscard]] bool allowed() const {
    const std::size_t n = nodes_.size();
    Relation causes(n, std::vector<bool>(n)), happens = causes;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j)
        if (nodes_[i].thread == nodes_[j].thread) causes[i][j] = happens[i][j] = true;
    for (std::size_t r = 0; r < n; ++r) {
      if (nodes_[r].access.kind == SmallProgram::Kind::kAdd && place_[r] != place_of(from_[r]) + 1) return false;
      if (!nodes_[r].reads() || from_[r] < 0) continue;
      causes[static_cast<std::size_t>(from_[r])][r] = true;
    }
    Relation order = causes;
    close(order);
    if (has_cycle(order)) return false;
    for (std::size_t r = 0; r < n; ++r) {
      if (!nodes_[r].acquires()) continue;
      // Back along the read-modify-writes: whatever released there is seen.
      for (int w = from_[r]; w >= 0;
           w = nodes_[static_cast<std::size_t>(w)].reads() ? from_[static_cast<std::size_t>(w)] : -1)
        if (nodes_[static_cast<std::size_t>(w)].releases()) happens[static_cast<std::size_t>(w)][r] = true;
    }
    close(happens);
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b)
        if (happens[a][b] && same_place(a, b) && !coherent(a, b)) return false;
    return true;
  }
  [[nodiscard]] bool coherent(std::size_t a, std::size_t b) const {
    if (nodes_[a].writes() && nodes_[b].writes() && place_[a] > place_[b]) return false;
    if (nodes_[a].writes() && nodes_[b].reads() && place_[a] > place_of(from_[b])) return false;
    if (nodes_[a].reads() && nodes_[b].writes() && place_of(from_[a]) >= place_[b]) return false;
    return !(nodes_[a].reads() && nodes_[b].reads() && place_of(from_[a]) > place_of(from_[b]));
  }

  std::vector<Node> nodes_;
  std::vector<int> from_;   // of reads; -1: the initial value
  std::vector<int> place_;  // of writes, from 1
  std::uint64_t count_ = 0;
};

}  // namespace

SmallProgram random_program(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  SmallProgram program;
  const int threads = 2 + below(2);
  int left = 6;
  for (int t = 0; t < threads; ++t) {
    std::vector<SmallProgram::Access> accesses;
    for (int i = 1 + below(4); i > 0 && left > 0; --i, --left) {
      using enum SmallProgram::Kind;
      const auto kind = static_cast<SmallProgram::Kind>(below(3));
      const bool strong = below(2) == 0;
      std::memory_order order = std::memory_order_relaxed;
      if (strong)
        order = kind == kRead ? std::memory_order_acquire
                              : (kind == kWrite ? std::memory_order_release : std::memory_order_acq_rel);
      accesses.push_back({kind, below(kLocations), order});
    }
    program.threads.push_back(std::move(accesses));
  }
  return program;
}

void build(const SmallProgram& program, Program& p) {
  auto* memory = new Atomic<std::uint32_t>[kLocations];
  for (const auto& thread : program.threads)
    p.thread("thread", [memory, accesses = &thread] {
      for (const SmallProgram::Access& access : *accesses) {
        Atomic<std::uint32_t>& at = memory[access.location];
        if (access.kind == SmallProgram::Kind::kRead) (void)at.load(access.order);
        if (access.kind == SmallProgram::Kind::kWrite) at.store(1, access.order);
        if (access.kind == SmallProgram::Kind::kAdd) at.fetch_add(1, access.order);
      }
    });
}

std::uint64_t count_executions(const SmallProgram& program) { return Enumeration(program).count(); }

std::string describe(const SmallProgram& program) {
  std::string text;
  for (const auto& thread : program.threads) {
    for (const SmallProgram::Access& access : thread)
      text += std::string(1, "RWA"[static_cast<int>(access.kind)]) + "xy"[access.location] +
              (access.order == std::memory_order_relaxed ? " " : "! ");
    text += "| ";
  }
  return text;
}

}  // namespace netmem::weak
