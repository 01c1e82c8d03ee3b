#include "netmem/providers/gpu/device_api.h"

namespace netmem {
namespace {

std::unexpected<Error> unsupported(const DeviceApi& api, const char* attempted) {
  return refused(std::string(attempted) + " " + api.describe(), "netmem's api for it does not offer that");
}

}  // namespace

Result<DeviceAddress> DeviceApi::adopt(std::uintptr_t /*handle*/, std::size_t /*size*/) {
  return unsupported(*this, "adopt memory of");
}
Result<Fd> DeviceApi::export_dmabuf(DeviceAddress /*address*/, std::size_t /*size*/) {
  return unsupported(*this, "export memory of");
}
Result<void> DeviceApi::register_host(std::span<std::byte> /*memory*/) { return {}; }
void DeviceApi::unregister_host(std::span<std::byte> /*memory*/) noexcept {}

Result<DeviceTicket> DeviceApi::enqueue_gather(DeviceAddress /*from*/, std::span<const DeviceMove> /*moves*/,
                                               DeviceAddress /*to*/) {
  return unsupported(*this, "gather on");
}
Result<DeviceTicket> DeviceApi::enqueue_move(DeviceAddress /*from*/, DeviceAddress /*to*/, std::size_t /*size*/) {
  return unsupported(*this, "copy on");
}
Result<DeviceTicket> DeviceApi::enqueue_digest(DeviceAddress /*from*/, std::span<const DeviceRange> /*ranges*/,
                                               std::span<std::uint32_t> /*crcs*/) {
  return unsupported(*this, "compute digests on");
}

}  // namespace netmem
