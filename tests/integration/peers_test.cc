// The benchmark's peers, from the modules that this build has. What they measure is nobody's business here: that every
// loop runs to its end, and that the program stays as it was.
#include "bench/peers/peers.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "bench/loops/processors.h"

namespace netmem::bench {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const std::set<std::string> kModules = {"dpdk_mempool", "dpdk_pktmbuf", "jemalloc",  "mimalloc",
                                        "tcmalloc",     "tbb",          "boost_pool"};

std::string slug(const LoopSpec& loop) { return loop.name.substr(loop.name.find('/') + 1); }

std::set<std::string> names(const LoopList& loops) {
  std::set<std::string> found;
  for (const LoopSpec& loop : loops) found.insert(slug(loop));
  return found;
}

std::set<std::string> names(const std::vector<Missing>& missing) {
  std::set<std::string> found;
  for (const Missing& one : missing) found.insert(one.name);
  return found;
}

std::string file_of(const char* symbol) {
  Dl_info where;
  return ::dladdr(::dlsym(RTLD_DEFAULT, symbol), &where) != 0 ? where.dli_fname : "";
}

int processors_of_this_thread() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  return CPU_COUNT(&set);
}

// Pinned, as who measures is.
class Pinned {
 public:
  Pinned() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    pin(0);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

// How many threads of this process may run on this processor alone.
int threads_on(int processor) {
  int found = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    cpu_set_t set;
    const int id = std::stoi(task.path().filename());
    if (::sched_getaffinity(id, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(processor, &set)) ++found;
  }
  return found;
}

TEST(Peers, EveryOneIsThereOrMissing) {
  std::vector<Missing> missing;
  std::set<std::string> found = names(peer_loops(missing));
  const std::set<std::string> absent = names(missing);
  for (const std::string& name : absent) EXPECT_EQ(found.count(name), 0) << name << " is there and missing";
  found.insert(absent.begin(), absent.end());
  std::set<std::string> all = kModules;
  all.insert("glibc");
  EXPECT_EQ(found, all);
  for (const Missing& one : missing) EXPECT_THAT(one.reason, HasSubstr("; ")) << one.name << ": no advice";
}

TEST(Peers, LoopsAreNamedByWhatTheyDoAndWho) {
  std::vector<Missing> missing;
  std::set<std::string> unique;
  for (const LoopSpec& loop : peer_loops(missing)) {
    EXPECT_EQ(loop.name, loop.group + "/" + slug(loop));
    EXPECT_TRUE(unique.insert(loop.name).second) << loop.name;
    EXPECT_FALSE(loop.subject.empty() || loop.element.empty()) << loop.name;
    EXPECT_EQ(loop.producers != 0, loop.group.starts_with("cross_core")) << loop.name;
  }
}

TEST(Peers, AreMissingWhereThereAreNoModules) {
  std::vector<Missing> missing;
  const LoopList loops = peer_loops(missing, {"/nonexistent"});
  for (const std::string& name : kModules) EXPECT_THAT(missing, Contains(Field(&Missing::name, name)));
  for (const LoopSpec& loop : loops) EXPECT_EQ(slug(loop), "glibc");
}

TEST(Peers, AModuleThatDoesNotLoadIsMissing) {
  std::vector<Missing> missing;
  peer_loops(missing);
  if (names(missing).contains("mimalloc")) GTEST_SKIP() << "mimalloc is no peer of this build";
  const std::filesystem::path folder = testing::TempDir() + "netmem-peers-" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  std::filesystem::create_symlink("/proc/self/status", folder / "netmem_peer_mimalloc.so");
  missing.clear();
  peer_loops(missing, {folder});
  std::filesystem::remove_all(folder);
  const auto one = std::ranges::find(missing, "mimalloc", &Missing::name);
  ASSERT_NE(one, missing.end());
  EXPECT_THAT(one->reason, HasSubstr("netmem_peer_mimalloc.so"));
  EXPECT_THAT(one->reason, HasSubstr("install libmimalloc-dev"));
}

TEST(Peers, EveryLoopRunsAndLeavesTheProgramAsItWas) {
  const std::string malloc_before = file_of("malloc");
  const std::string new_before = file_of("_Znwm");
  const Pinned pinned;
  std::vector<Missing> missing;
  const LoopList loops = peer_loops(missing);
  for (const LoopSpec& loop : loops) {
    SCOPED_TRACE(loop.name);
    MadeLoop made = loop.make();
    ASSERT_TRUE(made) << made.error().message();
    for (const std::uint64_t elements : {1U, 1000U, 20000U}) EXPECT_GT((*made)->run(elements).cycles, 0);
    EXPECT_EQ(processors_of_this_thread(), 1) << "the library moved the thread";
  }
  EXPECT_EQ(file_of("malloc"), malloc_before);
  EXPECT_EQ(file_of("_Znwm"), new_before);
  if (missing.empty()) return;
  std::string reasons;
  for (const Missing& one : missing) reasons += one.name + ": " + one.reason + "\n";
  GTEST_SKIP() << "of the peers, these did not run:\n" << reasons;
}

// A module has a list of processors of its own, which must not be that of the pinned thread that opens it.
TEST(Peers, ProducersRunOnAnotherProcessor) {
  if (processors().size() < 2) GTEST_SKIP() << "there is one processor";
  const Pinned pinned;
  std::vector<Missing> missing;
  const LoopList loops = peer_loops(missing);
  const auto loop = std::ranges::find(loops, "cross_core_64/mimalloc", &LoopSpec::name);
  if (loop == loops.end()) GTEST_SKIP() << "mimalloc is no peer of this build";
  MadeLoop made = loop->make();
  ASSERT_TRUE(made) << made.error().message();
  const int before = threads_on(processors()[1]);  // DPDK may have one there
  std::atomic<bool> seen = false;
  std::jthread watcher([&](const std::stop_token& stop) {
    while (!seen && !stop.stop_requested()) seen = threads_on(processors()[1]) > before;
  });
  for (int i = 0; i < 1000 && !seen; ++i) (*made)->run(10000);
  EXPECT_TRUE(seen);
}

// Pools of the two kinds at once, and again after they have gone.
TEST(Peers, DpdkLoopsLiveSideBySide) {
  std::vector<Missing> missing;
  const LoopList loops = peer_loops(missing);
  if (names(missing).contains("dpdk_mempool")) GTEST_SKIP() << "DPDK is no peer of this build";
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<Loop>> made;
    for (const LoopSpec& loop : loops) {
      if (!loop.name.ends_with("/dpdk_mempool") && !loop.name.ends_with("/dpdk_pktmbuf")) continue;
      MadeLoop one = loop.make();
      ASSERT_TRUE(one) << loop.name << ": " << one.error().message();
      made.push_back(std::move(*one));
    }
    for (const auto& loop : made) loop->run(1000);
    EXPECT_THAT(made, Not(IsEmpty()));
  }
}

// In a process of its own, because DPDK is tried once: with too little address space for it.
void start_dpdk_in_little_space(const LoopSpec& loop) {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t limit = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{64} << 20);
  const rlimit limits{limit, limit};
  ::setrlimit(RLIMIT_AS, &limits);
  const MadeLoop made = loop.make();
  if (!made) std::fprintf(stderr, "%s\n", made.error().message().c_str());
  std::_Exit(made ? 1 : 0);
}

TEST(Peers, DpdkThatCannotStartSaysWhyInOneLine) {
  std::vector<Missing> missing;
  const LoopList loops = peer_loops(missing);
  const auto loop = std::ranges::find(loops, "bulk_64/dpdk_mempool", &LoopSpec::name);
  if (loop == loops.end()) GTEST_SKIP() << "DPDK is no peer of this build";
  EXPECT_EXIT(start_dpdk_in_little_space(*loop), testing::ExitedWithCode(0),
              "^cannot start DPDK: EAL: [^\n]*; [^\n]*\n$");
}

}  // namespace
}  // namespace netmem::bench
