// The XDP program as an ELF object: xdp_program.bpf.c, compiled for BPF when netmem is built (cmake/xdp.cmake). Any
// thread.
#pragma once

#include <span>

namespace netmem {

std::span<const unsigned char> xdp_program_bytes();

}  // namespace netmem
