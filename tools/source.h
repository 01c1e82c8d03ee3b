// Where `netmem send` takes its bytes from: a file, standard input, or a seed. One thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "netmem/base/error.h"

namespace netmem::tool {

class Source {
 public:
  virtual ~Source() = default;
  // Fills the front of `out`; how many bytes, 0 at the end. A stop that the user asks for while nothing comes is an
  // error.
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
  // All there will be, where that is known beforehand.
  [[nodiscard]] virtual std::optional<std::uint64_t> total() const = 0;
};

// "-" is standard input. Directories are refused; so is what cannot be read twice when it is to be (`shared`).
Result<std::unique_ptr<Source>> open_source(const std::string& path, bool shared);
std::unique_ptr<Source> random_source(std::uint64_t bytes, std::uint64_t seed);

}  // namespace netmem::tool
