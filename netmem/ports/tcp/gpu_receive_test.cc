// Streams received into memory that only a device's own engine reaches, and whose copies end late, in any order, or
// not well.
#include "netmem/ports/stream/port_test_support.h"
#include "netmem/providers/gpu/gpu.h"
#include "tests/support/eventually.h"
#include "tests/support/late_device.h"

namespace netmem::testing {
namespace {

struct Sizes {
  std::size_t pages = 32;
  std::size_t staging_pages = 16;
  std::size_t room = 256;
};

// Pages of a late device behind a port, and the program. At the end everything must be home.
struct GpuReceiver {
  std::shared_ptr<LateDevice> device = std::make_shared<LateDevice>();
  PagePoolPtr pool;
  PagePoolPtr staging;
  std::unique_ptr<TcpPort> port;
  std::optional<Collector> program;

  explicit GpuReceiver(Sizes sizes = {})
      : pool(make_pool(make_gpu_provider(device, {.size = sizes.pages * 4096}).value())),
        staging(make_pool(host_memory(sizes.staging_pages), "staging")),
        port(TcpPort::create(*pool, {.staging = staging.get()}).value()) {
    program.emplace(*port, sizes.room);
  }
  ~GpuReceiver() {
    if (port) expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
    expect_balanced(*staging);
    EXPECT_EQ(device->under_way(), 0u);
  }

  struct Peer {
    Fd socket;
    ConnectionId id;
  };
  Peer connect() const {
    SocketPair both;
    const ConnectionId id = port->adopt(std::move(both.near)).value();
    return {std::move(both.far), id};
  }
  // Has the port read what was sent, so that a copy of it is under way.
  void read(const Peer& from, std::string_view text) {
    const std::size_t before = device->under_way();
    send_all(from.socket.get(), text);
    program->receive(0);
    ASSERT_EQ(device->under_way(), before + 1);
  }
  std::string& text(const Peer& of) { return program->texts[of.id]; }
};

TEST(GpuReceive, IsStagedAndInOrder) {
  for (const int polls : {0, 1, 5}) {
    GpuReceiver receiver;
    receiver.device->polls = polls;
    EXPECT_EQ(receiver.port->landing(), Landing::staged);
    const std::vector<std::string> texts = {pattern(300'001, 5)};
    ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
    const Senders senders(*receiver.port, texts);
    receiver.program->receive_until_gone(1);
    EXPECT_TRUE(receiver.program->sorted_texts() == texts);
    EXPECT_EQ(receiver.device->waits, 0u) << "somebody waited for a copy";
    EXPECT_EQ(counter(*receiver.port, "bytes"), 300'001u);
    EXPECT_GE(counter(*receiver.port, "views"), counter(*receiver.port, "pages"));
  }
}

TEST(GpuReceive, ManyConnectionsShareFewPages) {
  GpuReceiver receiver({.pages = 3, .staging_pages = 2, .room = 2});
  receiver.device->polls = 2;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 16; ++i) texts.push_back(pattern(20'000 + i, i));
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  const Senders senders(*receiver.port, texts);
  receiver.program->receive_until_gone(16);
  std::ranges::sort(texts);
  EXPECT_TRUE(receiver.program->sorted_texts() == texts);
}

TEST(GpuReceive, NothingIsDeliveredBeforeItHasLanded) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto peer = receiver.connect();
  receiver.read(peer, "late");
  EXPECT_EQ(receiver.program->receive(0), 0u);
  EXPECT_EQ(receiver.staging->counters().inflight(), 1);
  EXPECT_EQ(counter(*receiver.port, "reads_under_way"), 1u);
  EXPECT_EQ(counter(*receiver.port, "bytes"), 0u);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.text(peer), "late");
  EXPECT_EQ(receiver.staging->counters().inflight(), 0);
  EXPECT_EQ(counter(*receiver.port, "reads_under_way"), 0u);
  EXPECT_EQ(counter(*receiver.port, "late_reads"), 1u);
}

TEST(GpuReceive, SeveralReadsAreUnderWayAndTheirPagesComeHomeOneByOne) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto peer = receiver.connect();
  for (int i = 0; i < 5; ++i) receiver.read(peer, pattern(4096, 3));
  EXPECT_EQ(receiver.staging->counters().inflight(), 5);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.staging->counters().inflight(), 4);
  receiver.device->held = false;
  while (receiver.program->views < 5) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
}

TEST(GpuReceive, ReadsOfOneConnectionThatLandInAnyOrderAreDeliveredInOrder) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto peer = receiver.connect();
  for (const char* text : {"one ", "two ", "three ", "four"}) receiver.read(peer, text);
  receiver.device->complete(3);
  receiver.device->complete(1);
  EXPECT_EQ(receiver.program->receive(0), 0u);
  EXPECT_EQ(receiver.staging->counters().inflight(), 2) << "what has landed needs no host page";
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 2u);
  EXPECT_EQ(receiver.text(peer), "one two ");
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 2u);
  EXPECT_EQ(receiver.text(peer), "one two three four");
}

TEST(GpuReceive, AConnectionWhoseCopyHangsHoldsUpNoOther) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto hangs = receiver.connect(), other = receiver.connect();
  receiver.read(hangs, "hangs");
  for (int i = 0; i < 40; ++i) {
    receiver.read(other, "on ");
    receiver.device->complete(1);
    EXPECT_EQ(receiver.program->receive(0), 1u);
  }
  EXPECT_EQ(receiver.text(other).size(), 120u);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.text(hangs), "hangs");
}

TEST(GpuReceive, TheEndComesAfterWhatIsUnderWay) {
  GpuReceiver receiver;
  receiver.device->held = true;
  auto peer = receiver.connect();
  receiver.read(peer, "one ");
  receiver.read(peer, "two");
  peer.socket.reset();
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.device->complete(1);
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 3u);
  EXPECT_EQ(receiver.text(peer), "one two");
  EXPECT_EQ(receiver.program->ended, 1u);
}

TEST(GpuReceive, TheEndWaitsForRoomInTheProgramsSpan) {
  GpuReceiver receiver({.room = 1});
  receiver.device->held = true;
  auto peer = receiver.connect();
  receiver.read(peer, pattern(2 * 4096 + 1, 2));  // three views
  peer.socket.reset();
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.device->complete(0);
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(receiver.program->receive(0), 1u);
    EXPECT_EQ(receiver.program->views, i);
    EXPECT_EQ(receiver.program->ended, 0u);
  }
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.program->ended, 1u);
  EXPECT_TRUE(receiver.text(peer) == pattern(2 * 4096 + 1, 2));
}

TEST(GpuReceive, AResetComesAfterWhatIsUnderWay) {
  GpuReceiver receiver;
  receiver.device->held = true;
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  Fd peer = dial(*receiver.port);
  send_all(peer.get(), "before");
  while (receiver.device->under_way() == 0) receiver.program->receive(10);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort), 0);
  peer.reset();
  EXPECT_EQ(receiver.program->receive(20), 0u);
  receiver.device->complete(0);
  receiver.device->held = false;
  receiver.program->receive_until_gone(1);
  EXPECT_EQ(receiver.program->sorted_texts(), std::vector<std::string>{"before"});
  EXPECT_EQ(receiver.program->failed.size(), 1u);
}

TEST(GpuReceive, ACopyThatFailsEndsItsConnectionAfterWhatCameBefore) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto failing = receiver.connect(), fine = receiver.connect();
  for (const char* text : {"arrives", "fails", "comes too late"}) receiver.read(failing, text);
  receiver.read(fine, "fine");
  receiver.device->complete(1, false);
  receiver.device->complete(2);
  EXPECT_EQ(receiver.program->receive(0), 1u) << "the other connection's";
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 2u);
  ASSERT_EQ(receiver.program->failed.size(), 1u);
  EXPECT_EQ(receiver.program->failed[0].message(),
            "cannot receive from unix socket: cannot copy on the late device: its cable is loose");
  EXPECT_EQ(receiver.text(failing), "arrives");
  EXPECT_EQ(receiver.text(fine), "fine");
  receiver.read(fine, " on");
  receiver.device->complete(0);  // what came too late, and its pages
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.text(fine), "fine on");
  EXPECT_EQ(counter(*receiver.port, "failed_copies"), 1u);
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), std::string_view("failscomes too late").size());
}

TEST(GpuReceive, ACopyThatFailsAfterTheStreamsEndIsTold) {
  GpuReceiver receiver;
  receiver.device->held = true;
  auto peer = receiver.connect();
  receiver.read(peer, "lost");
  peer.socket.reset();
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.device->complete(0, false);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.program->failed.size(), 1u);
  EXPECT_EQ(receiver.program->ended, 0u);
}

TEST(GpuReceive, ACopyThatCannotBeginEndsItsConnectionAfterWhatCameBefore) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto failing = receiver.connect(), fine = receiver.connect();
  receiver.read(failing, "arrives");
  receiver.device->fail_enqueues = 1;
  send_all(failing.socket.get(), "lost");
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.read(fine, "fine");
  receiver.device->complete(0);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 3u);
  ASSERT_EQ(receiver.program->failed.size(), 1u);
  EXPECT_EQ(receiver.program->failed[0].message(),
            "cannot receive from unix socket: cannot copy to the late device: its queue is full");
  EXPECT_EQ(receiver.text(failing), "arrives");
  EXPECT_EQ(receiver.text(fine), "fine");
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), 4u);
}

TEST(GpuReceive, WhatAClosedConnectionHadUnderWayGoesHomeWhenItHasLanded) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto closed = receiver.connect(), other = receiver.connect();
  receiver.read(closed, "for nobody");
  receiver.read(closed, "neither");
  receiver.device->complete(1);
  EXPECT_EQ(receiver.program->receive(0), 0u);
  receiver.port->close(closed.id);
  EXPECT_EQ(receiver.pool->counters().inflight(), 1) << "the device still writes there";
  EXPECT_EQ(receiver.staging->counters().inflight(), 1);
  receiver.read(other, "other");
  receiver.device->complete(0);
  receiver.device->complete(0);
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(receiver.text(other), "other");
  EXPECT_EQ(receiver.program->texts.count(closed.id), 0u);
  EXPECT_EQ(receiver.staging->counters().inflight(), 0);
  EXPECT_EQ(receiver.pool->counters().inflight(), 1) << "the other one's open page";
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), std::string_view("for nobodyneither").size());
}

TEST(GpuReceive, DestroyingThePortWaitsForWhatIsUnderWay) {
  GpuReceiver receiver;
  receiver.device->held = true;
  const auto one = receiver.connect(), two = receiver.connect();
  receiver.read(one, "one");
  receiver.read(two, "two");
  receiver.read(two, "three");
  receiver.device->complete(1);
  receiver.device->complete(1, false);
  receiver.port.reset();
  EXPECT_EQ(receiver.device->waits, 3u) << "tickets that nobody asked for in the meantime";
  EXPECT_EQ(receiver.device->under_way(), 0u);
}

TEST(GpuReceive, WithoutStagingPagesItWaitsForCopiesAndNobodyStarves) {
  GpuReceiver receiver({.staging_pages = 2});
  receiver.device->held = true;
  const auto one = receiver.connect(), two = receiver.connect();
  receiver.read(one, pattern(2 * 4096, 1));
  send_all(two.socket.get(), "two");
  send_all(one.socket.get(), "one");
  EXPECT_EQ(receiver.program->receive(20), 0u);
  EXPECT_EQ(counter(*receiver.port, "copies_awaited"), 1u);
  EXPECT_EQ(counter(*receiver.port, "starved"), 0u);
  EXPECT_LE(counter(*receiver.port, "reads"), 2u) << "it went on reading";
  receiver.device->held = false;
  while (receiver.program->views < 4) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
  EXPECT_TRUE(receiver.text(one) == pattern(2 * 4096, 1) + "one");
  EXPECT_EQ(receiver.text(two), "two");
}

TEST(GpuReceive, StagingPagesWhoseCopyHasEndedAreThereForTheSameCall) {
  GpuReceiver receiver({.staging_pages = 1});
  receiver.device->polls = 0;
  const auto one = receiver.connect(), two = receiver.connect();
  send_all(one.socket.get(), "one");
  send_all(two.socket.get(), "two");
  EXPECT_EQ(receiver.program->receive(0), 1u);
  EXPECT_EQ(counter(*receiver.port, "late_reads"), 2u);
  EXPECT_EQ(counter(*receiver.port, "copies_awaited"), 0u);
  while (receiver.program->views < 2) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
}

TEST(GpuReceive, ADeviceThatHangsDoesNotHoldUpTheProgram) {
  GpuReceiver receiver({.staging_pages = 2});
  receiver.device->held = true;
  const auto peer = receiver.connect();
  receiver.read(peer, pattern(2 * 4096, 1));
  send_all(peer.socket.get(), "more than there are host pages for");
  EXPECT_EQ(receiver.program->receive(0), 0u);
  EXPECT_EQ(receiver.program->receive(30), 0u);
  EXPECT_LE(counter(*receiver.port, "waits"), 1'000u) << "it spins";
  std::jthread alarm([&] { receiver.port->wake(); });
  EXPECT_EQ(receiver.program->receive(-1), 0u) << "wake() ends a wait for the device, too";
  alarm.join();
  receiver.device->held = false;
  while (receiver.program->views < 3) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
}

TEST(GpuReceive, NoMoreReadsAreUnderWayThanThereArePlacesFor) {
  GpuReceiver receiver({.pages = 64, .staging_pages = 64});
  receiver.device->held = true;
  const auto peer = receiver.connect();
  std::string sent;
  for (int i = 0; i < 16; ++i) {
    receiver.read(peer, "x");
    sent += 'x';
  }
  send_all(peer.socket.get(), "y");
  EXPECT_EQ(receiver.program->receive(0), 0u);
  EXPECT_EQ(receiver.device->under_way(), 16u);
  receiver.device->complete(0);
  while (receiver.device->under_way() < 16) receiver.program->receive(0);
  receiver.device->held = false;
  while (receiver.program->views < 17) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
  EXPECT_EQ(receiver.text(peer), sent + "y");
}

TEST(GpuReceive, AConnectionsPageStaysOpenWhileItsBytesAreUnderWay) {
  GpuReceiver receiver({.pages = 1});
  receiver.device->held = true;
  const auto peer = receiver.connect();
  receiver.read(peer, "one ");
  receiver.read(peer, "two");
  receiver.device->held = false;
  while (receiver.program->views < 2) ASSERT_NE(receiver.program->receive(kLimitMs), 0u);
  EXPECT_EQ(receiver.text(peer), "one two");
  EXPECT_EQ(counter(*receiver.port, "pages"), 1u);
}

}  // namespace
}  // namespace netmem::testing
