// Port xdp in a build without it (NETMEM_XDP=OFF): it says so.
#include "netmem/ports/xdp/port.h"

namespace netmem {
namespace {

std::unexpected<Error> built_without(const std::string& attempted) {
  return refused(attempted, "netmem was built without AF_XDP",
                 "install libxdp-dev, libbpf-dev, libmnl-dev and clang, and build netmem with -DNETMEM_XDP=ON");
}

}  // namespace

Result<std::shared_ptr<XdpFilter>> XdpFilter::attach(const std::string& interface, XdpMode /*mode*/) {
  return built_without("attach the XDP program to " + interface);
}

Result<std::unique_ptr<XdpPort>> XdpPort::create(std::shared_ptr<XdpFilter> /*filter*/, PagePool& /*frames*/,
                                                 const XdpOptions& /*options*/) {
  return built_without("open an xdp port");
}

}  // namespace netmem
