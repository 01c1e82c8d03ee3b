#include "netmem/ports/tcp/port.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "netmem/ports/stream/port_test_support.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/eventually.h"

namespace netmem::testing {
namespace {

constexpr std::size_t kOddSizes[] = {0, 1, 4095, 4096, 4097, MiB + 7};

struct Receiver {
  PagePoolPtr pool, staging;
  std::unique_ptr<TcpPort> port;

  explicit Receiver(std::size_t pages) : Receiver(host_memory(pages), Landing::direct) {}
  Receiver(std::shared_ptr<MemoryProvider> memory, Landing landing) {
    pool = make_pool(std::move(memory));
    staging = make_pool(host_memory(32, 8192), "staging");
    auto made = TcpPort::create(*pool, {.landing = landing, .staging = staging.get()});
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    port = std::move(*made);
    const auto listening = port->listen("127.0.0.1:0");
    EXPECT_TRUE(listening) << (listening ? "" : listening.error().message());
  }
  ~Receiver() {
    expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
    expect_balanced(*staging);
  }
};

enum class Memory : std::uint8_t { host, memfd };
struct Case {
  Memory memory;
  Landing landing;
  std::size_t page_size;

  [[nodiscard]] std::shared_ptr<MemoryProvider> make() const {
    if (memory == Memory::host) return host_memory(MiB / page_size, page_size);
    return make_memfd_provider({.size = MiB, .page_size = page_size}).value();
  }
};
class TcpLanding : public ::testing::TestWithParam<Case> {};

TEST_P(TcpLanding, StreamsOfOddSizesArriveInOrder) {
  Receiver receiver(GetParam().make(), GetParam().landing);
  EXPECT_EQ(receiver.port->landing(), GetParam().landing);
  for (const std::size_t size : kOddSizes) {
    const std::vector<std::string> texts = {pattern(size, size)};
    const Senders senders(*receiver.port, texts);
    Collector program(*receiver.port);
    program.receive_until_gone(1);
    EXPECT_EQ(program.ended, 1u);
    EXPECT_TRUE(program.sorted_texts() == texts) << size << " bytes";
  }
  EXPECT_EQ(counter(*receiver.port, "bytes"), 0 + 1 + 4095 + 4096 + 4097 + MiB + 7);
  EXPECT_EQ(counter(*receiver.port, "staged_copies") != 0, GetParam().landing == Landing::staged);
}

TEST_P(TcpLanding, RoomForOneDeliveryIsEnough) {
  Receiver receiver(GetParam().make(), GetParam().landing);
  const std::vector<std::string> texts = {pattern(100'000, 1), pattern(100'000, 2), pattern(100'000, 3)};
  const Senders senders(*receiver.port, texts);
  Collector program(*receiver.port, 1);
  program.receive_until_gone(3);
  auto expected = texts;
  std::ranges::sort(expected);
  EXPECT_TRUE(program.sorted_texts() == expected);
}

TEST_P(TcpLanding, SmallMessagesShareAPage) {
  Receiver receiver(GetParam().make(), GetParam().landing);
  SocketPair sockets;
  ASSERT_TRUE(receiver.port->adopt(std::move(sockets.near)));
  Collector program(*receiver.port);
  std::vector<View> views;
  program.on_view = [&](ConnectionId, View view) { views.push_back(std::move(view)); };
  std::string sent;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::string text = pattern(100, i);
    send_all(sockets.far.get(), text);
    sent += text;
    ASSERT_EQ(program.receive(kLimitMs), 1u);
  }
  std::string got;
  for (const View& view : views) {
    got += text_of(view);
    EXPECT_EQ(view.netmem(), views.front().netmem());
  }
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(counter(*receiver.port, "pages"), 1u);
  EXPECT_EQ(counter(*receiver.port, "views"), 40u);
}

std::string name_of(const ::testing::TestParamInfo<Case>& one) {
  return std::string(one.param.memory == Memory::host ? "Host" : "Memfd") +
         (one.param.landing == Landing::direct ? "Direct" : "Staged") + std::to_string(one.param.page_size);
}
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Memory memory : {Memory::host, Memory::memfd})
    for (const Landing landing : {Landing::direct, Landing::staged})
      for (const std::size_t page_size : {4096UL, 16384UL, 65536UL}) cases.push_back({memory, landing, page_size});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Memory, TcpLanding, ::testing::ValuesIn(all_cases()), name_of);

TEST(TcpPort, OneReadFillsManyPages) {
  Receiver receiver(256);
  SocketPair sockets;
  const int size = 512 * 1024;
  ASSERT_EQ(::setsockopt(sockets.far.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  const std::string text = pattern(32 * 4096, 1);
  send_all(sockets.far.get(), text);
  const ConnectionId id = receiver.port->adopt(std::move(sockets.near)).value();
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(kLimitMs), 32u);
  EXPECT_TRUE(program.texts[id] == text);
  EXPECT_EQ(counter(*receiver.port, "reads"), 1u);
  EXPECT_EQ(counter(*receiver.port, "pages"), 32u);
}

TEST(TcpPort, AnAdoptedSocketEndsWithItsPeer) {
  Receiver receiver(16);
  SocketPair sockets;
  const auto id = receiver.port->adopt(std::move(sockets.near));
  ASSERT_TRUE(id);
  send_all(sockets.far.get(), "hello");
  sockets.far.reset();
  Collector program(*receiver.port);
  program.receive_until_gone(1);
  EXPECT_EQ(program.texts[*id], "hello");
  EXPECT_TRUE(program.opened.empty());
}

TEST(TcpPort, OnlyConnectedStreamSocketsAreAdopted) {
  Receiver receiver(16);
  int both[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, both), 0);
  const Fd far(both[1]);
  const auto datagrams = receiver.port->adopt(Fd(both[0]));
  ASSERT_FALSE(datagrams);
  EXPECT_EQ(datagrams.error().message(),
            "cannot adopt a socket: it is no stream socket; pass a connected stream socket");
  EXPECT_FALSE(receiver.port->adopt(Fd(::socket(AF_INET, SOCK_STREAM, 0))));
  EXPECT_FALSE(receiver.port->adopt(Fd()));
}

TEST(TcpPort, ViewsMayBeDroppedOnAnotherThread) {
  Receiver receiver(64);
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<View> queue;
  std::string got;
  const std::vector<std::string> texts = {pattern(4 * MiB, 9)};
  {
    std::jthread dropper([&](const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      while (changed.wait(lock, stop, [&] { return !queue.empty(); })) {
        const View view = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        got.append(text_of(view));
        lock.lock();
      }
    });
    const Senders senders(*receiver.port, texts);
    Collector program(*receiver.port);
    program.on_view = [&](ConnectionId, View view) {
      const std::scoped_lock lock(mutex);
      queue.push_back(std::move(view));
      changed.notify_one();
    };
    program.receive_until_gone(1);
    for (bool empty = false; !empty; std::this_thread::yield()) {
      const std::scoped_lock lock(mutex);
      empty = queue.empty();
    }
  }
  EXPECT_TRUE(got == texts[0]);
}

TEST(TcpPort, APeerThatResetsFailsItsConnectionOnly) {
  Receiver receiver(64);
  Collector program(*receiver.port);
  Fd bad = dial(*receiver.port);
  const Fd good = dial(*receiver.port);
  send_all(bad.get(), pattern(10'000, 1));
  send_all(good.get(), pattern(10'000, 2));
  while (program.opened.size() < 2 || counter(*receiver.port, "bytes") < 20'000)
    ASSERT_NE(program.receive(kLimitMs), 0u);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(bad.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  const std::string peer = format_address(local_address(bad.get()));
  bad.reset();
  program.receive_until_gone(1);
  ASSERT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.failed[0].message(), "cannot receive from " + peer + ": Connection reset by peer");
  EXPECT_EQ(program.failed[0].code, ECONNRESET);
  send_all(good.get(), pattern(10, 3));
  ::shutdown(good.get(), SHUT_WR);
  program.receive_until_gone(2);
  EXPECT_EQ(program.ended, 1u);
  EXPECT_EQ(counter(*receiver.port, "failed_connections"), 1u);
}

TEST(TcpPort, ClosingMidStreamKeepsWhatWasDelivered) {
  Receiver receiver(64);
  Collector program(*receiver.port);
  std::vector<View> views;
  program.on_view = [&](ConnectionId, View view) { views.push_back(std::move(view)); };
  const Fd sender = dial(*receiver.port);
  const std::string text = pattern(5000, 1);
  send_all(sender.get(), text);
  while (counter(*receiver.port, "bytes") < text.size()) ASSERT_NE(program.receive(kLimitMs), 0u);
  receiver.port->close(program.opened.front());
  receiver.port->close(program.opened.front());  // unknown by now: ignored
  receiver.port->close(0);
  std::string got;
  for (const View& view : views) got += text_of(view);
  EXPECT_TRUE(got == text);
  send_all(sender.get(), "more");
  EXPECT_EQ(program.receive(0), 0u);
  EXPECT_EQ(counter(*receiver.port, "closed"), 1u);
}

TEST(TcpPort, IdsAreNeverUsedAgain) {
  Receiver receiver(64);
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 5; ++i) {
    SocketPair sockets;
    ids.push_back(receiver.port->adopt(std::move(sockets.near)).value());
    receiver.port->close(ids.back());
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(TcpPort, WakeEndsAWaitOnAnotherThread) {
  Receiver receiver(16);
  Collector program(*receiver.port);
  std::jthread waker([&] {
    while (counter(*receiver.port, "waits") == 0) std::this_thread::yield();
    receiver.port->wake();
  });
  EXPECT_EQ(program.receive(-1), 0u);
  waker.join();
  receiver.port->wake();  // before the wait: ends the next one
  EXPECT_EQ(program.receive(-1), 0u);
  EXPECT_EQ(program.receive(0), 0u);
}

TEST(TcpPort, AConnectionThatIsNotOursToOpenWaitsForADescriptor) {
  Receiver receiver(16);
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(0), 0u);  // UBSan takes a descriptor at the first call of a virtual function
  const Fd sender = dial(*receiver.port);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::uint64_t before = counter(*receiver.port, "waits");
  const std::size_t came = program.receive(50);
  const std::uint64_t waits = counter(*receiver.port, "waits") - before;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(came, 0u);
  EXPECT_EQ(counter(*receiver.port, "accept_paused"), 1u);
  EXPECT_LE(waits, 4u);  // it does not spin on the socket that stays ready
  EXPECT_EQ(program.receive(kLimitMs), 1u);
  EXPECT_EQ(program.opened.size(), 1u);
}

TEST(TcpPort, ListensOnSeveralAddressesAndBothFamilies) {
  Receiver receiver(64);
  const std::uint16_t first = receiver.port->local_port();
  ASSERT_TRUE(receiver.port->listen(":0"));
  const std::uint16_t both = receiver.port->local_port();
  EXPECT_NE(first, both);
  std::vector<std::string> targets = {"127.0.0.1:" + std::to_string(first), "127.0.0.1:" + std::to_string(both)};
  if (const Fd six(::socket(AF_INET6, SOCK_STREAM, 0)); six) targets.push_back("[::1]:" + std::to_string(both));
  Collector program(*receiver.port);
  for (const std::string& target : targets) {
    auto socket = connect_to(target);
    ASSERT_TRUE(socket) << socket.error().message();
    send_all(socket->get(), target);
  }
  program.receive_until_gone(targets.size());
  std::ranges::sort(targets);
  EXPECT_EQ(program.sorted_texts(), targets);
  EXPECT_NE(receiver.port->describe().find("127.0.0.1:" + std::to_string(first)), std::string::npos);
}

TEST(TcpPort, ListensOnIpv6Alone) {
  if (const Fd six(::socket(AF_INET6, SOCK_STREAM, 0)); !six) GTEST_SKIP() << "no IPv6 here";
  Receiver receiver(64);
  const auto listening = receiver.port->listen("[::1]:0");
  if (!listening && listening.error().code == EADDRNOTAVAIL) GTEST_SKIP() << "no address ::1 here";
  ASSERT_TRUE(listening) << listening.error().message();
  const std::string number = std::to_string(receiver.port->local_port());
  EXPECT_FALSE(connect_to("127.0.0.1:" + number));
  EXPECT_TRUE(connect_to("[::1]:" + number));
  EXPECT_NE(receiver.port->describe().find("[::1]:" + number + ", landing direct, host: "), std::string::npos);
}

TEST(TcpPort, APortInUseIsRefusedWithAdvice) {
  Receiver receiver(16);
  const std::string number = std::to_string(receiver.port->local_port());
  const auto again = receiver.port->listen("127.0.0.1:" + number);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "cannot listen on 127.0.0.1:" + number +
                                         ": Address already in use; choose another port, or end the program that has "
                                         "it (ss -ltnp sport = :" +
                                         number + ")");
}

TEST(TcpPort, BadAddressesAreRefusedInOneLine) {
  Receiver receiver(16);
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:http", "::1:80", "no-such-host.invalid:80", "192.0.2.1:0"}) {
    const auto refused = receiver.port->listen(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().advice, "") << text;
    EXPECT_EQ(refused.error().message().find('\n'), std::string::npos);
  }
}

TEST(TcpPort, OptionsThatMakeNoSenseAreRefusedByName) {
  const auto pool = make_pool(host_memory(16));
  const auto staged = TcpPort::create(*pool, {.landing = Landing::staged});
  ASSERT_FALSE(staged);
  EXPECT_NE(staged.error().message().find("pass a pool of host pages as TcpOptions::staging"), std::string::npos);
  EXPECT_FALSE(TcpPort::create(*pool, {.read_size = 0}));
  const auto port = TcpPort::create(*pool);
  ASSERT_TRUE(port);
  EXPECT_EQ((*port)->landing(), Landing::direct);
  EXPECT_FALSE((*port)->receive({}, 0));
}

// Device memory that only its copy engine reaches, as a GPU's may be.
class UnwritableDevice final : public MemoryProvider {
 public:
  static std::shared_ptr<UnwritableDevice> make(std::size_t pages) {
    std::shared_ptr<UnwritableDevice> device(new UnwritableDevice);
    device->bytes_.resize(pages * 4096);
    const RegionSpec spec{.name = "far", .device = true, .address = 0x1000, .size = pages * 4096};
    device->region_ = Region::create(*device, spec).value();
    for (std::uint32_t i = 0; i < pages; ++i) device->free_.push_back(i);
    return device;
  }
  std::size_t grant(std::span<Netmem> out) noexcept override {
    std::size_t count = 0;
    for (; count < out.size() && !free_.empty(); free_.pop_back()) out[count++] = region_->page(free_.back());
    return count;
  }
  void reclaim(std::span<const Netmem> pages) noexcept override {
    for (const Netmem page : pages) free_.push_back(page.index());
  }
  [[nodiscard]] std::string name() const override { return "far"; }
  [[nodiscard]] std::string describe() const override { return "far: a device of its own"; }
  [[nodiscard]] unsigned page_shift() const override { return 12; }
  [[nodiscard]] bool is_device() const override { return true; }
  void visit_regions(const RegionVisitor& visit) const override { visit(*region_); }
  [[nodiscard]] const Region* lasting_region() const override { return region_.get(); }
  [[nodiscard]] std::size_t free_pages() const override { return free_.size(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }
  void break_engine() { engine_.broken = true; }

 private:
  struct Engine final : CopyEngine {
    explicit Engine(UnwritableDevice& whose) : device(whose) {}
    Result<void> copy_in(std::span<const CopyIn> batch) override {
      if (broken) return refused("copy into device memory", "the device is gone");
      for (const CopyIn& one : batch) std::ranges::copy(one.from, device.at(one.to, one.offset));
      return {};
    }
    Result<void> copy_out(std::span<const CopyOut> batch) override {
      for (const CopyOut& one : batch) std::copy_n(device.at(one.from, one.offset), one.to.size(), one.to.begin());
      return {};
    }
    UnwritableDevice& device;
    bool broken = false;
  };
  std::byte* at(Netmem page, std::uint32_t offset) { return &bytes_[page.index() * std::size_t{4096}] + offset; }

  std::vector<std::byte> bytes_;
  std::vector<std::uint32_t> free_;
  std::unique_ptr<Region> region_;
  Engine engine_{*this};
};

TEST(TcpPort, MemoryThatTheKernelCannotWriteIsStaged) {
  Receiver receiver(UnwritableDevice::make(64), Landing::automatic);
  EXPECT_EQ(receiver.port->landing(), Landing::staged);
  const std::vector<std::string> texts = {pattern(300'001, 5)};
  const Senders senders(*receiver.port, texts);
  Collector program(*receiver.port);
  program.receive_until_gone(1);
  EXPECT_TRUE(program.sorted_texts() == texts);
}

TEST(TcpPort, DirectIsRefusedWhereTheKernelCannotWrite) {
  const auto pool = make_pool(UnwritableDevice::make(4));
  const auto direct = TcpPort::create(*pool, {.landing = Landing::direct});
  ASSERT_FALSE(direct);
  EXPECT_EQ(direct.error().message(),
            "cannot open a tcp port on far: a device of its own: landing direct needs memory that the kernel can "
            "write, and this has no write window; use landing staged, or auto");
  EXPECT_FALSE(TcpPort::create(*pool));                           // staged, with no staging pool
  EXPECT_FALSE(TcpPort::create(*pool, {.staging = pool.get()}));  // which must be host memory
}

TEST(TcpPort, ACopyEngineThatFailsFailsTheConnection) {
  const auto device = UnwritableDevice::make(8);
  Receiver receiver(device, Landing::staged);
  SocketPair sockets;
  ASSERT_TRUE(receiver.port->adopt(std::move(sockets.near)));
  send_all(sockets.far.get(), "hello");
  device->break_engine();
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(kLimitMs), 1u);
  ASSERT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.failed[0].message(),
            "cannot receive from unix socket: cannot copy into device memory: the device is gone");
}

}  // namespace
}  // namespace netmem::testing
