// A queue of port `xdp`, its pools, a kernel and a program, all doing what a seed says: frames of every kind and size
// arrive, packets are held, dropped here and on another thread, shared, sent, completed in any order; pages are taken
// away and given back; the device refuses at times. After each step everything is recounted: every frame, every
// counter, every page's references.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/flaky_device.h"
#include "tests/support/worker.h"
#include "tests/support/xdp_world.h"

namespace netmem {
namespace {

using Frame = std::vector<std::byte>;

struct Mode {
  const char* name;
  XdpWorldOptions world;
  std::uint32_t device_pages = 0;  // header split
  std::size_t most_frame;          // that the mode can send
};

Mode modes(std::size_t i) {
  const FakeXdpKernel::Options near_the_end{.ring = 32, .first_index = 0xffff'ff00};
  const FakeXdpKernel::Options small_chunks{.chunk = 2048, .ring = 32};
  const FakeXdpKernel::Options with_headroom{.headroom = 128, .ring = 64};
  switch (i) {
    case 0:
      return {"pages", {.pages = 70, .kernel = near_the_end, .queue = {.most_posted = 32}}, 0, 65535};
    case 1:
      return {"split", {.pages = 60, .kernel = near_the_end, .queue = {.most_posted = 32}}, 12, 65535};
    case 2:
      return {"chunks of 2 KiB", {.pages = 30, .kernel = small_chunks, .queue = {.most_posted = 20}}, 0, 65535};
    case 3:
      return {"one descriptor",
              {.pages = 60, .kernel = near_the_end, .queue = {.most_posted = 16, .multi_buffer = false}},
              30,
              4096};
    case 4:
      return {"three descriptors, small",
              {.pages = 50, .queue = {.most_posted = 32, .most_parts = 3, .most_frame = 5000}},
              5,
              5000};
    default:
      return {"pages of 2 MiB",
              {.pages = 2, .page_shift = 21, .kernel = with_headroom, .queue = {.most_posted = 64}},
              0,
              65535};
  }
}
constexpr std::size_t kModes = 6;

class Driver {
 public:
  Driver(const Mode& mode, unsigned seed)
      : mode_(mode), random_(seed), device_(mode.device_pages != 0 ? make_device(mode) : nullptr), world_(options()) {}

  void step() {
    if (device_) device_->refuses = chance(5);
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        for (std::size_t n = pick(8); n != 0; --n) deliver();
        break;
      case 3:
      case 4:
        receive();
        break;
      case 5:
        drop_some();
        break;
      case 6:
      case 7:
        transmit();
        break;
      case 8:
        take_sent();
        break;
      case 9:
        while (!world_.kernel.uncompleted.empty() && !chance(10) &&
               world_.kernel.complete(pick(world_.kernel.uncompleted.size()))) {
        }
        break;
      case 10:
        share_or_forget();
        break;
      default:
        chance(50) ? world_.queue->complete() : world_.queue->post();
        starve_or_feed();
    }
    recount();
  }

  // Everything is given back: then whatever arrives is received.
  void finish() {
    held_.clear();
    for (const Netmem page : shared_) drop(page);
    shared_.clear();
    drop(std::span<const Netmem>(taken_));
    taken_.clear();
    if (device_) device_->refuses = false;
    for (int i = 0; i < 4; ++i) {
      take_sent();
      world_.kernel.complete_all();
      receive();
      held_.clear();
    }
    world_.queue->post();
    EXPECT_FALSE(world_.queue->starved());
    const std::uint64_t before = world_.count("received");
    for (unsigned i = 0; i < 200; ++i) {
      ASSERT_TRUE(deliver_one(udp_frame(i), world_.kernel.buffer_size()));
      receive();
      held_.clear();
    }
    EXPECT_EQ(world_.count("received"), before + 200);
    recount();
  }

 private:
  struct Held {
    Packet packet;
    Frame frame;
  };

  static std::shared_ptr<FlakyDevice> make_device(const Mode& mode) {
    return std::make_shared<FlakyDevice>(mode.device_pages);
  }
  XdpWorldOptions options() const {
    XdpWorldOptions world = mode_.world;
    world.payload = device_;
    return world;
  }
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }
  bool chance(unsigned percent) { return pick(100) < percent; }

  // ---- the wire ----

  std::size_t any_size() {
    const std::size_t most[] = {2, 80, 600, 1500, 4200, 9100};
    return pick(most[pick(std::size(most))]);
  }
  void deliver() {
    frames::Bytes frame = chance(85) ? udp_frame(any_size(), static_cast<unsigned>(pick(100)))
                                     : frames::ethernet(frames::kArp) + frames::filled(28 + any_size());
    const std::uint32_t whole = world_.kernel.buffer_size();
    deliver_one(frame,
                chance(80) ? whole : std::max<std::uint32_t>(whole / (1 + static_cast<std::uint32_t>(pick(40))), 60));
  }
  bool deliver_one(frames::Bytes frame, std::uint32_t most) {
    frame.set_big_endian(18, next_id_++ & 0xffff);  // the IP header's identification: no two look alike
    Frame expected = frame;
    const bool udp = frame[12] == std::byte{8} && frame[13] == std::byte{0};
    if (udp && chance(20)) frame.resize(frame.size() + 1 + pick(60));  // padding
    if (!world_.kernel.deliver(frame, most)) return false;
    coming_.push_back({std::move(expected), frame.size()});
    return true;
  }

  // ---- the program ----

  std::uint64_t dropped() const {
    return world_.count("no_device_page") + world_.count("too_many_buffers") + world_.count("payload_copy_failed");
  }
  void receive() {
    const std::uint64_t dropped_before = dropped();
    std::uint64_t skipped = 0;
    std::vector<Packet> packets = world_.receive(chance(30) ? 1 + pick(3) : 64);
    if (device_) device_->refuses = false;  // the test looks, too
    for (Packet& packet : packets) {
      const Frame got = bytes_of(packet);
      while (!coming_.empty() && coming_.front().frame != got) lose_one(skipped);
      ASSERT_FALSE(coming_.empty()) << "a packet that nobody sent, or out of order";
      received_bytes_ += coming_.front().size;
      ++received_;
      held_.push_back({std::move(packet), std::move(coming_.front().frame)});
      coming_.pop_front();
    }
    // What was dropped behind the last packet is known by the counters alone.
    while (skipped < dropped() - dropped_before) lose_one(skipped);
    ASSERT_EQ(skipped, dropped() - dropped_before) << "a frame was lost without a counter";
  }
  void lose_one(std::uint64_t& skipped) {
    ASSERT_FALSE(coming_.empty());
    coming_.pop_front();
    ++skipped;
  }
  Held take_held() {
    std::swap(held_[pick(held_.size())], held_.back());
    Held one = std::move(held_.back());
    held_.pop_back();
    return one;
  }
  void drop_some() {
    std::vector<Packet> packets;
    for (std::size_t n = held_.empty() ? 0 : pick(held_.size() + 1); n != 0; --n)
      packets.push_back(std::move(take_held().packet));
    const auto drop_all = [&] { drop(std::span(packets)); };
    chance(50) ? drop_all() : worker_.run(drop_all);
  }
  void transmit() {
    std::vector<Packet> packets;
    std::vector<Frame> frames;
    for (std::size_t n = held_.empty() ? 0 : pick(held_.size() + 1); n != 0; --n) {
      Held one = take_held();
      packets.push_back(std::move(one.packet));
      frames.push_back(std::move(one.frame));
    }
    const std::uint64_t failed_before = world_.count("send_copy_failed");
    const std::size_t done = world_.queue->transmit(packets);
    if (device_) device_->refuses = false;  // the test looks, too
    std::uint64_t failed = world_.count("send_copy_failed") - failed_before;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      if (packets[i]) {
        ASSERT_GE(i, done) << "taken, and still there";
        ASSERT_EQ(bytes_of(packets[i]), frames[i]) << "not taken, and changed";
        held_.push_back({std::move(packets[i]), std::move(frames[i])});
      } else if (frames[i].size() > mode_.most_frame) {
        ++too_large_;
      } else if (i < done) {
        sending_.push_back({std::move(frames[i]), failed != 0});
      } else {
        ASSERT_NE(failed, 0U) << "a packet that was not taken is gone";
        --failed;
      }
    }
    to_lose_ += failed;
  }
  void take_sent() {
    world_.kernel.take_transmitted(chance(50) ? pick(20) : ~std::size_t{0});
    for (; !world_.kernel.sent.empty(); world_.kernel.sent.pop_front()) {
      while (!sending_.empty() && sending_.front().frame != world_.kernel.sent.front()) {
        ASSERT_TRUE(sending_.front().may_be_lost && to_lose_ != 0) << "a packet was not sent, and no counter says so";
        --to_lose_;
        sending_.pop_front();
      }
      ASSERT_FALSE(sending_.empty()) << "sent what nobody sent, or out of order";
      sending_.pop_front();
    }
    world_.kernel.parts_of_sent.clear();
  }
  void share_or_forget() {
    if (!held_.empty() && chance(60)) {
      const Netmem page = held_[pick(held_.size())].packet.header().page;
      retain(page);
      shared_.push_back(page);
    } else if (!shared_.empty()) {
      std::swap(shared_[pick(shared_.size())], shared_.back());
      const Netmem page = shared_.back();
      shared_.pop_back();
      chance(50) ? drop(page) : worker_.run([page] { drop(page); });
    }
  }
  void starve_or_feed() {
    if (taken_.empty() && chance(30)) {
      taken_ = take(*world_.pool, 1 + pick(world_.memory->total_pages()));
    } else if (!taken_.empty() && chance(30)) {
      const auto give_back = [&] { drop(std::span<const Netmem>(taken_)); };
      chance(50) ? give_back() : worker_.run(give_back);
      taken_.clear();
    }
  }

  // ---- the books ----

  void recount() {
    FakeXdpKernel& kernel = world_.kernel;
    ASSERT_EQ(world_.queue->posted(), kernel.in_fill_ring() + kernel.frames.size() + kernel.in_receive_ring());
    ASSERT_EQ(world_.queue->sending(),
              kernel.in_transmit_ring() + kernel.uncompleted.size() + kernel.in_completion_ring());
    ASSERT_LE(world_.queue->posted(), mode_.world.queue.most_posted);
    ASSERT_EQ(world_.count("received"), received_);
    ASSERT_EQ(world_.count("received_bytes"), received_bytes_);
    ASSERT_EQ(world_.count("received") + dropped() + coming_.size(), kernel.delivered);
    ASSERT_EQ(world_.count("too_large_to_send"), too_large_);
    recount_pages();
  }

  void recount_pages() {
    std::map<std::uint32_t, std::uint32_t> references;  // by page, of the frames' region
    std::map<std::uint32_t, std::uint32_t> in_device;
    FakeXdpKernel& kernel = world_.kernel;
    const unsigned shift = world_.memory->page_shift();
    const auto add_address = [&](std::uint64_t address) { ++references[static_cast<std::uint32_t>(address >> shift)]; };
    kernel.fill_ring().for_each(add_address);
    kernel.completion_ring().for_each(add_address);
    kernel.receive_ring().for_each([&](const xdp_desc& entry) { add_address(entry.addr); });
    kernel.transmit_ring().for_each([&](const xdp_desc& entry) { add_address(entry.addr); });
    for (const std::uint64_t address : kernel.frames) add_address(address);
    for (const std::uint64_t address : kernel.uncompleted) add_address(address);
    const auto add = [&](Netmem page) { ++(page.is_device() ? in_device : references)[page.index()]; };
    for (const Netmem page : shared_) add(page);
    for (const Netmem page : taken_) add(page);
    for (const Held& one : held_) {
      add(one.packet.header().page);
      const auto payload = one.packet.payload();
      const bool joined = !payload.empty() && payload[0].page == one.packet.header().page;
      for (const Part& part : payload.subspan(joined ? 1 : 0)) add(part.page);
    }
    const bool fragments = world_.memory->page_size() != mode_.world.kernel.chunk;
    expect_pages(*world_.pool, references, fragments);
    if (world_.payload) expect_pages(*world_.payload, in_device, true);
    if (fragments) return;
    for (const auto& [page, count] : references)
      ASSERT_EQ(world_.memory->lasting_region()->descriptor(page).refs.load(), count) << "page " << page;
  }
  // The page that fragments are cut from may be held by nobody else.
  static void expect_pages(const PagePool& pool, const std::map<std::uint32_t, std::uint32_t>& pages, bool fragments) {
    const auto held = static_cast<std::int64_t>(pages.size());
    ASSERT_GE(pool.counters().inflight(), held) << pool.name();
    ASSERT_LE(pool.counters().inflight(), held + (fragments ? 1 : 0)) << pool.name();
  }

  const Mode mode_;
  std::mt19937 random_;
  std::shared_ptr<FlakyDevice> device_;
  XdpWorld world_;
  Worker worker_;
  struct Coming {
    Frame frame;       // without padding
    std::size_t size;  // with it
  };
  std::deque<Coming> coming_;  // on the receive ring
  struct Sending {
    Frame frame;
    bool may_be_lost;  // the device refused in that batch
  };
  std::deque<Sending> sending_;
  std::uint64_t to_lose_ = 0;
  std::vector<Held> held_;
  std::vector<Netmem> shared_, taken_;
  std::uint32_t next_id_ = 0;
  std::uint64_t received_ = 0, received_bytes_ = 0, too_large_ = 0;
};

class XdpQueueModel : public testing::TestWithParam<std::tuple<std::size_t, unsigned>> {};

TEST_P(XdpQueueModel, EveryFrameCounterAndReferenceIsAccountedForAtEveryStep) {
  const Mode mode = modes(std::get<0>(GetParam()));
  SCOPED_TRACE(mode.name);
  Driver driver(mode, std::get<1>(GetParam()));
  for (int i = 0; i < 1500; ++i) {
    ASSERT_NO_FATAL_FAILURE(driver.step()) << "step " << i;
    if (HasFailure()) break;
  }
  driver.finish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, XdpQueueModel,
                         testing::Combine(testing::Range<std::size_t>(0, kModes), testing::Range(1U, 6U)));

}  // namespace
}  // namespace netmem
