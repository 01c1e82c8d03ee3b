// SIGINT and SIGTERM: the first asks for a clean stop, the second ends the program at once.
//
// Threads: make one, in main's thread, and only one at a time; requested() and fd() on any thread.
#pragma once

namespace netmem::tool {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // A plain function, so that anything can ask without holding this.
  [[nodiscard]] static bool requested() noexcept;
  // Readable from the request on; for poll().
  [[nodiscard]] static int fd() noexcept;
  // `call(argument)` runs in the signal handler: it must be safe there. Null: nothing any more. Ask requested() after
  // setting it: the signal may have come before.
  static void on_request(void (*call)(void*), void* argument) noexcept;
};

}  // namespace netmem::tool
