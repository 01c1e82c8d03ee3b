// Keeps a library from talking to standard error while an object lives: netmem says itself what went wrong.
//
// Threads: those that set what the library prints with take turns; a message of another thread may get lost meanwhile.
#pragma once

namespace netmem {

// kSetPrint: libbpf_set_print or libxdp_set_print, which returns what was set before.
template <auto kSetPrint>
class Quiet {
 public:
  Quiet() : before_(kSetPrint(nullptr)) {}
  ~Quiet() { kSetPrint(before_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  decltype(kSetPrint(nullptr)) before_;
};

}  // namespace netmem
