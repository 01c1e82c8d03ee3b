// All of netmem for users. This header and what it includes are the public ones; nothing else is installed.
#pragma once

#include "netmem/base/units.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/page.h"
#include "netmem/pool/page_pool.h"
#include "netmem/pool/registry.h"
#include "netmem/ports/tcp_port.h"
#include "netmem/providers/device.h"
#include "netmem/providers/fail_nth.h"
#include "netmem/providers/host.h"
#include "netmem/providers/huge.h"
#include "netmem/providers/huge_1g.h"
#include "netmem/providers/huge_split.h"
#include "netmem/providers/limit.h"
#include "netmem/providers/memory_spec.h"
