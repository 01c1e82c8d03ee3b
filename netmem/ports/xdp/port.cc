#include "netmem/ports/xdp/port.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "netmem/base/deadline.h"
#include "netmem/base/single_writer.h"
#include "netmem/base/units.h"
#include "netmem/ports/link/watch.h"
#include "netmem/ports/stream/copy_wait.h"
#include "netmem/ports/xdp/coalescing.h"
#include "netmem/ports/xdp/filter.h"
#include "netmem/ports/xdp/queue.h"
#include "netmem/ports/xdp/socket.h"

namespace netmem {
namespace {

// While the pool has no page, or the kernel does not take what is to be sent, both are tried again after 1, 2, 4, 5, 5,
// ... ms.
constexpr int kFirstRetryMs = 1;
constexpr int kLongestRetryMs = 5;
// A port that always has frames never waits, and looks at its interface once in so many calls.
constexpr unsigned kCallsPerLook = 1024;
// How long a port that goes waits for what it was given to send.
constexpr int kLastFlushMs = 100;
// Ethernet's header, and a VLAN tag: what an interface takes beyond its MTU (Linux is_skb_forwardable(),
// include/linux/netdevice.h).
constexpr std::uint32_t kBeyondMtu = 14 + 4;

using Tally = SingleWriter<std::uint64_t>;

const char* name_of(XdpMode mode) { return mode == XdpMode::native ? "native" : "generic"; }

struct Settled {
  XdpOptions options;  // nothing is left to choose
  std::shared_ptr<KernelXdpFilter> filter;
  std::span<std::byte> memory;
};

class KernelXdpPort final : public XdpPort {
 public:
  KernelXdpPort(const Settled& settled, PagePool& frames, XdpSocket socket, LinkWatch watch, Fd doorbell);
  ~KernelXdpPort() override;

  // The queue's frames come here from now on.
  Result<void> open();

  Result<std::size_t> receive(std::span<Packet> out, int timeout_ms) override;
  std::size_t transmit(std::span<Packet> packets) override;
  bool flush(int timeout_ms) override;
  void wake() noexcept override;
  [[nodiscard]] bool zero_copy() const override { return zero_copy_; }
  [[nodiscard]] std::string describe() const override { return description_; }
  [[nodiscard]] std::vector<Counter> counters() const override;

 private:
  std::size_t take(std::span<Packet> out);
  Result<void> watch_all();
  void begin_to_send();
  bool pause(Deadline::Clock::time_point now, int timeout_ms);
  bool wait(int timeout_ms, CopyWait& copies);
  bool wait_as_sender(int timeout_ms);
  void look_at_others();
  void forget_error();
  [[nodiscard]] int wait_ms(int timeout_ms, CopyWait& copies);
  void wake_to_receive();
  [[nodiscard]] bool has_unsent() const;
  bool push();
  void look_at_link();
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::unexpected<Error> gone() const;

  PagePool& frames_;
  const XdpOptions options_;
  std::shared_ptr<KernelXdpFilter> filter_;
  std::optional<XdpSocket> socket_;
  XdpRing unsent_;  // the transmit ring
  bool zero_copy_;
  std::string description_;
  std::optional<XdpQueue> queue_;
  LinkWatch watch_;
  Fd doorbell_;
  Fd waiter_;  // socket, doorbell, link watch
  Coalescing coalescing_;
  std::uint32_t mtu_ = 0;
  std::uint64_t redirected_before_ = 0;
  unsigned calls_ = 0;
  int retry_ms_ = kFirstRetryMs;
  bool woken_ = false;
  bool sends_ = false;
  struct {
    Tally wakeups_rx, wakeups_tx, polls, pauses, link_downs, link_ups, mtu_changes;
  } tally_;
};

std::string describe_port(const Settled& settled, const PagePool& frames, const XdpSocket& socket) {
  const XdpOptions& options = settled.options;
  std::string text =
      fmt::format("xdp {} queue {}, {}, ", settled.filter->interface(), options.queue, name_of(settled.filter->mode()));
  text += socket.zero_copy() ? "zero copy" : fmt::format("copy mode (zero copy: {})", socket.why_copy());
  text += socket.multi_buffer() ? ", multi-buffer" : ", one buffer to a frame";
  if (options.busy_poll) text += ", busy polling";
  text += fmt::format(", chunks of {}", format_size(options.chunk));
  if (options.headroom != 0) text += fmt::format(" with {} bytes of headroom", options.headroom);
  text += fmt::format(", at most {} posted, {}", options.most_posted, frames.provider().describe());
  if (options.payload != nullptr) text += "; payload to " + options.payload->provider().describe();
  return text;
}

KernelXdpPort::KernelXdpPort(const Settled& settled, PagePool& frames, XdpSocket socket, LinkWatch watch, Fd doorbell)
    : frames_(frames),
      options_(settled.options),
      filter_(settled.filter),
      socket_(std::move(socket)),
      unsent_(socket_->rings().transmit),
      zero_copy_(socket_->zero_copy()),
      description_(describe_port(settled, frames, *socket_)),
      watch_(std::move(watch)),
      doorbell_(std::move(doorbell)),
      coalescing_(std::chrono::microseconds(options_.coalesce_us)),
      mtu_(watch_.state().mtu),
      redirected_before_(filter_->redirected(options_.queue)) {
  queue_.emplace(frames, socket_->rings(),
                 XdpQueueOptions{.chunk = options_.chunk,
                                 .most_posted = options_.most_posted,
                                 .multi_buffer = socket_->multi_buffer(),
                                 .most_frame = mtu_ + kBeyondMtu,
                                 .interface = filter_->interface_index(),
                                 .queue = options_.queue,
                                 .payload = options_.payload});
}

// First nothing comes any more, then the kernel lets go of the memory, then all pages go home.
KernelXdpPort::~KernelXdpPort() {
  if (watch_.state().up) flush(kLastFlushMs);
  filter_->take_socket(options_.queue);
  // What is left does nothing, and the queue's next port removes it.
  [[maybe_unused]] const auto cleared = filter_->clear(options_.queue);
  socket_.reset();
  if (zero_copy_) wait_until_released(filter_->interface(), options_.queue);
  queue_.reset();
  frames_.flush_fragments();
}

Result<void> KernelXdpPort::open() {
  if (auto watched = watch_all(); !watched) return watched;
  filter_->clear_others(options_.queue);
  queue_->post();
  wake_to_receive();
  return filter_->put_socket(options_.queue, socket_->fd());
}

// ---- receiving ----

Result<std::size_t> KernelXdpPort::receive(std::span<Packet> out, int timeout_ms) {
  if (++calls_ % kCallsPerLook == 0) look_at_link();
  push();
  std::optional<Deadline> deadline;  // from the first wait on: where frames are, nobody asks for the time
  CopyWait copies;
  retry_ms_ = kFirstRetryMs;
  while (true) {
    const std::size_t count = take(out);
    if (count != 0 || std::exchange(woken_, false)) return count;
    if (watch_.state().removed) return gone();
    if (timeout_ms == 0 && !options_.busy_poll) {
      wake_to_receive();
      return 0;
    }
    const auto now = Deadline::Clock::now();
    if (!deadline) deadline.emplace(timeout_ms, now);
    const int left = deadline->left_ms(now);
    if (pause(now, left)) continue;
    if (!wait(left, copies) && left == 0) return 0;
    push();
  }
}

// What is there; no system call, unless the kernel asks for one.
std::size_t KernelXdpPort::take(std::span<Packet> out) {
  const std::uint64_t before = queue_->taken();
  const std::size_t count = queue_->receive(out);
  coalescing_.found(queue_->taken() - before);
  if (count != 0) wake_to_receive();
  return count;
}

void KernelXdpPort::wake_to_receive() {
  if (!queue_->wants_wakeup_to_receive()) return;
  tally_.wakeups_rx.add(1);
  ::recvfrom(socket_->fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

// One descriptor for all that is waited for. The socket says once that frames came, so that the kernel need not look at
// it around each wait; when the port begins to send, it leaves, as the epoll would be told of each packet that was
// sent.
Result<void> KernelXdpPort::watch_all() {
  waiter_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!waiter_) return system_error("create an epoll", "raise the open file limit (ulimit -n)");
  for (const int fd : {socket_->fd(), doorbell_.get(), watch_.fd()}) {
    const std::uint32_t once = fd == socket_->fd() ? std::uint32_t{EPOLLET} : 0;
    epoll_event event{.events = EPOLLIN | once, .data = {.fd = fd}};
    if (::epoll_ctl(waiter_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("wait for " + where());
  }
  return {};
}

void KernelXdpPort::begin_to_send() {
  sends_ = true;
  ::epoll_ctl(waiter_.get(), EPOLL_CTL_DEL, socket_->fd(), nullptr);
}

// Lets frames gather, if that pays; whether it did. Deaf to the socket meanwhile, which nobody has to wake then.
bool KernelXdpPort::pause(Deadline::Clock::time_point now, int timeout_ms) {
  if (sends_ || options_.busy_poll || queue_->starved() || queue_->copying() != 0) return false;
  auto pause = coalescing_.pause(now.time_since_epoch(), queue_->posted());
  if (timeout_ms >= 0) pause = std::min<std::chrono::nanoseconds>(pause, std::chrono::milliseconds(timeout_ms));
  if (pause == pause.zero()) return false;
  wake_to_receive();
  tally_.pauses.add(1);
  std::array<pollfd, 2> others{
      {{.fd = doorbell_.get(), .events = POLLIN, .revents = 0}, {.fd = watch_.fd(), .events = POLLIN, .revents = 0}}};
  const timespec time{.tv_sec = 0, .tv_nsec = pause.count()};
  if (::ppoll(others.data(), others.size(), &time, nullptr) > 0) look_at_others();
  return true;
}

// Waits at most `timeout_ms`; whether something happened.
bool KernelXdpPort::wait(int timeout_ms, CopyWait& copies) {
  if (options_.busy_poll) ::recvfrom(socket_->fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
  wake_to_receive();
  tally_.polls.add(1);
  const int most = options_.busy_poll ? 0 : wait_ms(timeout_ms, copies);
  if (sends_) return wait_as_sender(most);
  std::array<epoll_event, 3> events;
  const int count = ::epoll_wait(waiter_.get(), events.data(), static_cast<int>(events.size()), most);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    if (event.data.fd != socket_->fd()) look_at_others();
    if ((event.events & EPOLLERR) != 0) forget_error();
  }
  return count > 0;
}

bool KernelXdpPort::wait_as_sender(int timeout_ms) {
  std::array<pollfd, 2> watched{
      {{.fd = socket_->fd(), .events = POLLIN, .revents = 0}, {.fd = waiter_.get(), .events = POLLIN, .revents = 0}}};
  if (::poll(watched.data(), watched.size(), timeout_ms) <= 0) return false;
  if (watched[1].revents != 0) look_at_others();
  if ((watched[0].revents & POLLERR) != 0) forget_error();
  return true;
}

void KernelXdpPort::look_at_others() {
  std::uint64_t rings = 0;
  woken_ |= ::read(doorbell_.get(), &rings, sizeof rings) == sizeof rings;
  look_at_link();
}

// The interface goes; the link watch knows, or will.
void KernelXdpPort::forget_error() {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket_->fd(), SOL_SOCKET, SO_ERROR, &code, &size);
}

// Shorter while there are pages to be looked for, or the kernel has not taken what is to be sent. A link that is down
// says when it is up again.
int KernelXdpPort::wait_ms(int timeout_ms, CopyWait& copies) {
  if (queue_->copying() != 0) return sooner(timeout_ms, copies.next_ms());
  if (!queue_->starved() && !(has_unsent() && watch_.state().up)) {
    retry_ms_ = kFirstRetryMs;
    return timeout_ms;
  }
  return sooner(timeout_ms, std::exchange(retry_ms_, std::min(retry_ms_ * 2, kLongestRetryMs)));
}

// ---- sending ----

bool KernelXdpPort::has_unsent() const {
  return __atomic_load_n(unsent_.producer, __ATOMIC_RELAXED) != __atomic_load_n(unsent_.consumer, __ATOMIC_ACQUIRE);
}

// Makes the kernel take what is in the transmit ring; whether it took something. In copy mode it takes a few at a call
// and says EAGAIN; EBUSY, ENOBUFS and ENETDOWN mean that it takes them later. What it has not taken stays in the ring.
bool KernelXdpPort::push() {
  bool any = false;
  while (has_unsent() && queue_->wants_wakeup_to_send()) {
    const std::uint32_t before = __atomic_load_n(unsent_.consumer, __ATOMIC_RELAXED);
    tally_.wakeups_tx.add(1);
    ::sendto(socket_->fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0);
    queue_->complete();
    if (__atomic_load_n(unsent_.consumer, __ATOMIC_RELAXED) == before) break;
    any = true;
  }
  return any;
}

std::size_t KernelXdpPort::transmit(std::span<Packet> packets) {
  if (!sends_) begin_to_send();
  std::size_t count = queue_->transmit(packets);
  while (count < packets.size() && push()) count += queue_->transmit(packets.subspan(count));
  return count;
}

bool KernelXdpPort::flush(int timeout_ms) {
  const Deadline deadline(timeout_ms);
  auto pause = std::chrono::microseconds(10);
  while (true) {
    push();
    queue_->complete();
    if (queue_->sending() == 0) return true;
    if (deadline.left_ms() == 0) return false;
    look_at_link();
    if (watch_.state().removed) return false;
    std::this_thread::sleep_for(pause);  // no descriptor tells of completions
    pause = std::min(pause * 2, std::chrono::microseconds(1000));
  }
}

// ---- reports ----

void KernelXdpPort::wake() noexcept {
  const int code = errno;  // a signal handler leaves errno as it was
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(doorbell_.get(), &one, sizeof one);  // full: it rings already
  errno = code;
}

void KernelXdpPort::look_at_link() {
  watch_.read();
  const LinkState& state = watch_.state();
  tally_.link_downs.set(state.downs);
  tally_.link_ups.set(state.ups);
  tally_.mtu_changes.set(state.mtu_changes);
  if (state.mtu != mtu_) queue_->set_most_frame(state.mtu + kBeyondMtu);
  mtu_ = state.mtu;
}

std::string KernelXdpPort::where() const { return fmt::format("{} queue {}", filter_->interface(), options_.queue); }

std::unexpected<Error> KernelXdpPort::gone() const {
  return std::unexpected(Error{.attempted = "receive from " + where(),
                               .reason = "the interface is gone",
                               .advice = "open a new filter and port when it is back",
                               .code = ENODEV});
}

std::vector<Counter> KernelXdpPort::counters() const {
  std::vector<Counter> all = {{"redirected", filter_->redirected(options_.queue) - redirected_before_}};
  const auto add = [&](const std::vector<Counter>& more) { all.insert(all.end(), more.begin(), more.end()); };
  add(queue_->counters());
  add(socket_->statistics());
  add({{"wakeups_rx", tally_.wakeups_rx.read()},
       {"wakeups_tx", tally_.wakeups_tx.read()},
       {"polls", tally_.polls.read()},
       {"pauses", tally_.pauses.read()},
       {"link_down", tally_.link_downs.read()},
       {"link_up", tally_.link_ups.read()},
       {"mtu_changes", tally_.mtu_changes.read()}});
  return all;
}

// ---- set-up ----

// Fills in what the options leave open, and refuses by name what cannot be.
Result<Settled> settle(std::shared_ptr<XdpFilter> filter, const PagePool& frames, const XdpOptions& options) {
  auto own = std::dynamic_pointer_cast<KernelXdpFilter>(std::move(filter));
  if (!own) return refused("open an xdp port", "it has no filter", "pass what XdpFilter::attach() gave");
  const auto attempt = fmt::format("open an xdp port at {} queue {}", own->interface(), options.queue);
  if (options.queue >= own->queues())
    return refused(attempt, fmt::format("it has {} receive queues", own->queues()),
                   "count them from 0; ethtool -L changes how many there are");
  Settled settled{.options = options, .filter = std::move(own), .memory = {}};
  if (settled.options.chunk == 0) settled.options.chunk = 4096;
  const auto memory = umem_of(frames, settled.options);
  if (!memory) return std::unexpected(memory.error());
  settled.memory = *memory;
  const std::size_t chunks = memory->size() / settled.options.chunk;
  const auto most = options.most_posted == 0 ? chunks / 2 : options.most_posted;
  settled.options.most_posted = static_cast<std::uint32_t>(std::clamp<std::size_t>(most, 1, options.fill_ring));
  return settled;
}

}  // namespace

Result<std::unique_ptr<XdpPort>> XdpPort::create(std::shared_ptr<XdpFilter> filter, PagePool& frames,
                                                 const XdpOptions& options) {
  const auto settled = settle(std::move(filter), frames, options);
  if (!settled) return std::unexpected(settled.error());
  const KernelXdpFilter& own = *settled->filter;
  auto socket = XdpSocket::open({.interface = own.interface(),
                                 .interface_index = own.interface_index(),
                                 .multi_buffer = own.multi_buffer(),
                                 .port = settled->options},
                                settled->memory);
  if (!socket) return std::unexpected(socket.error());
  auto watch = LinkWatch::create(own.interface_index());
  if (!watch) return std::unexpected(watch.error());
  Fd doorbell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!doorbell) return system_error("create an eventfd", "raise the open file limit (ulimit -n)");
  auto port =
      std::make_unique<KernelXdpPort>(*settled, frames, std::move(*socket), std::move(*watch), std::move(doorbell));
  if (auto opened = port->open(); !opened) return std::unexpected(opened.error());
  return port;
}

}  // namespace netmem
