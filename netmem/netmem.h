// All of netmem for users. This header and what it includes are the public ones; nothing else is installed.
#pragma once

#include "netmem/base/units.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/page.h"
#include "netmem/pool/page_pool.h"
#include "netmem/pool/registry.h"
#include "netmem/ports/tcp_port.h"
#include "netmem/providers/host.h"
