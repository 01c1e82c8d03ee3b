// A stranger's program that uses the ports, so that a static netmem needs all of its libraries.
#include <netmem/netmem.h>

#include <cstdio>

int main() {
  const auto filter = netmem::XdpFilter::attach("no-such-if");
  std::printf("%s\n", filter ? "attached" : filter.error().message().c_str());
  return filter ? 1 : 0;
}
