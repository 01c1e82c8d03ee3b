// The filter as the port sees it: the XDP program's maps, edited.
//
// Several processes may edit the maps of one interface at the same time, each its own queues; a queue's shapes are set
// and cleared in shared memory, so that no two edits undo each other.
//
// Threads: any; one lock.
// Invariants:
//  1. A shape's bit is set as long as there is a match of that shape for the queue: set after a match was put in,
//     cleared when none is left, and set again if one came in between.
#pragma once

#include <linux/types.h>

#include <mutex>
#include <string>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/ports/xdp/attachment.h"
#include "netmem/ports/xdp/program.h"

namespace netmem {

class KernelXdpFilter final : public XdpFilter {
 public:
  // `made_with`: receive queues that the interface was made with; 0: not known.
  KernelXdpFilter(std::string interface, unsigned index, unsigned made_with, Fd socket, XdpAttachment attachment,
                  Mapping queues)
      : interface_(std::move(interface)),
        index_(index),
        made_with_(made_with),
        socket_(std::move(socket)),
        attachment_(std::move(attachment)),
        queues_(std::move(queues)) {}

  Result<void> add(unsigned queue, const XdpMatch& match) override;
  Result<void> remove(unsigned queue, const XdpMatch& match) override;
  Result<void> clear(unsigned queue) override;

  [[nodiscard]] const std::string& interface() const override { return interface_; }
  [[nodiscard]] unsigned interface_index() const override { return index_; }
  [[nodiscard]] unsigned queues() const override;
  [[nodiscard]] XdpMode mode() const override { return attachment_.mode; }
  [[nodiscard]] bool multi_buffer() const override { return attachment_.multi_buffer; }

  // For the port of the queue. Puts its socket into the program's map, and takes it out.
  Result<void> put_socket(unsigned queue, int socket);
  void take_socket(unsigned queue);
  // Removes matches that a process left behind which was killed: those that were not added here.
  void clear_others(unsigned queue);
  // Frames that the program has ever given to the queue's socket.
  [[nodiscard]] std::uint64_t redirected(unsigned queue) const {
    return __atomic_load_n(&entry(queue).redirected, __ATOMIC_RELAXED);
  }

 private:
  using Key = NetmemXdpMatch;

  [[nodiscard]] std::vector<Key> keys_of(unsigned queue) const;
  Result<Key> checked_key(const char* attempted, unsigned queue, const XdpMatch& match) const;
  void update_shapes(unsigned queue);
  [[nodiscard]] NetmemXdpQueue& entry(unsigned queue) const {
    return reinterpret_cast<NetmemXdpQueue*>(queues_.data())[queue];
  }

  std::string interface_;
  unsigned index_;
  unsigned made_with_;
  Fd socket_;  // of the interface's network namespace
  XdpAttachment attachment_;
  Mapping queues_;  // map netmem_queues
  std::mutex mutex_;
  std::vector<Key> own_;
};

}  // namespace netmem
