// The devices of one driver library that are open. Who opens a device that is open already gets the same object, so
// that providers of one device gather between each other.
//
// The list is the process', because what it guards is: a device, and the state of a library that we did not write. It
// owns no device: with its last owner a device is closed, and the next who asks opens it anew.
//
//   open(key) --> the device that is open under it, or a new one --> the last owner goes: closed, forgotten
//
// Threads: any.
// Invariants:
//  1. Under each key one device at most has owners.
//  2. One thread at a time opens or closes a device.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "netmem/providers/gpu/device_api.h"

namespace netmem {

template <class Key>
class SharedDevices {
 public:
  // `lock` is held while a device is opened or closed. REQUIRES: lock and list outlive the devices.
  explicit SharedDevices(std::mutex& lock) : lock_(lock) {}
  SharedDevices(const SharedDevices&) = delete;
  SharedDevices& operator=(const SharedDevices&) = delete;

  // REQUIRES: `make` gives a device that nobody else owns, and does not take the lock.
  template <class Make>
  Result<std::shared_ptr<DeviceApi>> open(const Key& key, const Make& make) {
    const std::scoped_lock lock(lock_);
    if (const auto found = devices_.find(key); found != devices_.end())
      if (std::shared_ptr<DeviceApi> device = found->second.lock()) return device;
    Result<std::shared_ptr<DeviceApi>> made = make();
    if (!made) return made;
    DeviceApi* const device = made->get();
    std::shared_ptr<DeviceApi> shared(
        device, [this, key, owned = std::move(*made)](DeviceApi*) mutable { close(key, std::move(owned)); });
    devices_[key] = shared;
    return shared;
  }

 private:
  // Between the end of the last owner and this the device may have been opened anew, and is another one then.
  void close(const Key& key, std::shared_ptr<DeviceApi> device) {
    const std::scoped_lock lock(lock_);
    device.reset();
    if (const auto found = devices_.find(key); found != devices_.end() && found->second.expired())
      devices_.erase(found);
  }

  std::mutex& lock_;
  std::map<Key, std::weak_ptr<DeviceApi>> devices_;
};

}  // namespace netmem
