#include "netmem/ports/xdp_port.h"
namespace netmem {
Result<std::unique_ptr<XdpPort>> XdpPort::create(std::shared_ptr<XdpFilter>, PagePool&, const XdpOptions&) {
  return refused("open an xdp port", "it is not written yet", "wait");
}
}  // namespace netmem
