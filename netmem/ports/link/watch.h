// What becomes of one network interface: up or down, its MTU, whether it is still there. Told by rtnetlink, in the
// network namespace of the watch's creation, also when its thread moves to another later.
//
// Threads: one; the state's numbers may be read by any.
// Source: rtnetlink(7), include/uapi/linux/rtnetlink.h, include/uapi/linux/if_link.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "netmem/base/error.h"

struct mnl_socket;  // libmnl

namespace netmem {

struct LinkState {
  bool known = false;  // a message about the interface has come
  bool up = false;     // and has a carrier
  bool removed = false;
  std::uint32_t mtu = 0;
  std::uint32_t receive_queues = 0;  // that it has room for
  std::uint64_t downs = 0, ups = 0, mtu_changes = 0;
};

// Reads what one recv() brought, any bytes at a multiple of 4, and brings `state` up to date with what it says about
// the interface `index`. Whatever the bytes say: nothing beyond their end is read, and an interface that is gone is not
// up.
void read_link_messages(std::span<const std::byte> messages, unsigned index, LinkState& state);

class LinkWatch {
 public:
  // Knows the interface's state when it returns; an error where there is no such interface.
  static Result<LinkWatch> create(unsigned index);

  // Readable while there is news.
  [[nodiscard]] int fd() const;
  // Takes the news in; never waits.
  void read();
  [[nodiscard]] const LinkState& state() const { return state_; }

 private:
  struct CloseSocket {
    void operator()(mnl_socket* socket) const;
  };
  using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

  struct Datagram {
    std::span<const std::byte> bytes;  // in buffer_
    std::uint32_t sender;              // a netlink port; 0: the kernel
  };

  LinkWatch(Socket socket, unsigned index) : socket_(std::move(socket)), index_(index) {}
  bool ask();
  // The next one that waits; errno says why there is none.
  std::optional<Datagram> receive();

  Socket socket_;
  unsigned index_;
  bool news_was_lost_ = false;  // and the kernel has not been asked since
  std::vector<std::byte> buffer_;
  LinkState state_;
};

}  // namespace netmem
