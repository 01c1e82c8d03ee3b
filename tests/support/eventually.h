// How long tests wait for what must come. The limit only catches hangs: it is far more than ten times what a quiet
// machine needs, and nothing else may depend on it. A test waits for the event itself and never sleeps until it must
// have been.
#pragma once

#include <chrono>

namespace netmem {

inline constexpr int kLimitMs = 60'000;

// Calls `done` until it gives true, or until the limit: false. Who has something to wait for does so in `done`.
template <class Done>
[[nodiscard]] bool eventually(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLimitMs);
  while (!done())
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

}  // namespace netmem
