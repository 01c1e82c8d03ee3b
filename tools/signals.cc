#include "tools/signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace netmem::tool {
namespace {

// A signal handler has no other way to its state.
std::atomic<bool> stop_requested{false};
std::atomic<int> stop_fd{-1};
std::atomic<void (*)(void*)> stop_call{nullptr};
std::atomic<void*> stop_argument{nullptr};

void handle(int signal) {
  const int saved = errno;
  if (stop_requested.exchange(true)) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);  // taken when the handler returns
    return;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd.load(), &one, sizeof one);
  if (void (*call)(void*) = stop_call.load()) call(stop_argument.load());
  errno = saved;
}

void set_handler(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // without SA_RESTART: a blocked write() returns
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  stop_requested = false;
  stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  set_handler(&handle);
}

StopSignal::~StopSignal() {
  set_handler(SIG_DFL);
  on_request(nullptr, nullptr);
  ::close(stop_fd.exchange(-1));
}

bool StopSignal::requested() noexcept { return stop_requested.load(std::memory_order_relaxed); }

int StopSignal::fd() noexcept { return stop_fd.load(std::memory_order_relaxed); }

void StopSignal::on_request(void (*call)(void*), void* argument) noexcept {
  stop_call = nullptr;
  stop_argument = argument;
  stop_call = call;
}

}  // namespace netmem::tool
