// Pages that another thread's pool handed out, dropped here: what a thread pays that is not the consumer. Only for
// counting instructions: there are so many pages, and nobody takes them again.
#pragma once

#include "bench/loops/loop.h"

namespace netmem::bench {

LoopList elsewhere_loops();  // drop_elsewhere and drop_elsewhere_64, on host and on device memory

}  // namespace netmem::bench
