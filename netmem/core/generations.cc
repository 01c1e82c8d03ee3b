#include "netmem/core/generations.h"

#include <mutex>
#include <new>
#include <unordered_map>

#include "netmem/base/fork.h"

namespace netmem {
namespace {

using Kept = std::unordered_map<const DescriptorBlock*, Generations>;

// Guarded by process_lock(). Never destroyed: regions may end after the destructors of this file have run.
Kept& kept() {
  static auto& map = *new Kept;
  return map;
}

}  // namespace

Generations take_generations(const DescriptorBlock& block) noexcept {
  const std::scoped_lock lock(process_lock());
  const Kept::node_type node = kept().extract(&block);
  return node.empty() ? Generations{} : node.mapped();
}

bool keep_generations(const DescriptorBlock* first, std::size_t blocks) noexcept {
  const std::scoped_lock lock(process_lock());
  try {
    for (std::size_t i = 0; i < blocks; ++i) {
      Generations& generations = kept()[first + i];
      for (std::size_t page = 0; page < generations.size(); ++page)
        generations[page] = Netmem::from_bits(first[i].lives[page].current.read()).generation();
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

}  // namespace netmem
