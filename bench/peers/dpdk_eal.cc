#include "bench/peers/dpdk_eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/on_every_processor.h"
#include "netmem/base/check.h"

namespace netmem::bench {
namespace {

constexpr const char* kMegabytes = "512";  // address space; memory only for the pools that are made

// What a library says on standard error while it starts.
class StandardError {
 public:
  StandardError() : before_(stderr) { stderr = ::open_memstream(&text_, &size_); }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;
  ~StandardError() {
    std::fclose(std::exchange(stderr, before_));
    std::free(text_);
  }
  [[nodiscard]] std::string last_line() const {
    std::fflush(stderr);
    std::string all(text_, size_);
    while (!all.empty() && all.back() == '\n') all.pop_back();
    return all.substr(all.rfind('\n') + 1);
  }

 private:
  std::FILE* before_;
  char* text_ = nullptr;
  std::size_t size_ = 0;
};

class Eal {
 public:
  Eal() {
    const OnEveryProcessor here;
    const StandardError said;
    // The directory that it insists on making, and does not remove, is one of our own.
    const std::string prefix = "--file-prefix=netmem-bench-" + std::to_string(::getpid());
    const std::string lcore = "--lcores=0@" + std::to_string(processors().front());
    std::vector<std::string> arguments = {"netmem-bench", "--no-huge",
                                          "-m",           kMegabytes,
                                          "--no-pci",     "--no-telemetry",
                                          "--no-shconf",  "--log-level=lib.*:error",
                                          prefix,         lcore};
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    started_ = ::rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0;
    if (started_) return;
    reason_ = said.last_line();
    if (reason_.empty()) reason_ = ::rte_strerror(rte_errno);
  }
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal() {
    const std::string directory = ::rte_eal_get_runtime_dir();
    if (started_) ::rte_eal_cleanup();
    ::rmdir(directory.c_str());
  }

  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  bool started_ = false;
  std::string reason_;
};

}  // namespace

Result<void> start_eal() {
  static const Eal eal;  // there is no second try: DPDK starts once in a process
  if (!eal.started())
    return refused("start DPDK", eal.reason(), "leave its loops out with --filter if it cannot run here");
  if (::rte_lcore_id() == LCORE_ID_ANY && ::rte_thread_register() != 0)
    return refused("make this thread an lcore of DPDK", ::rte_strerror(rte_errno));
  return {};
}

Lcore::Lcore() {
  NETMEM_CHECK(::rte_thread_register() == 0, "DPDK takes no more threads: %s", ::rte_strerror(rte_errno));
}

Lcore::~Lcore() { ::rte_thread_unregister(); }

}  // namespace netmem::bench
