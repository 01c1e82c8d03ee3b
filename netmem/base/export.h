// Marks what the shared library exports; everything else is hidden.
#pragma once

#define NETMEM_EXPORT [[gnu::visibility("default")]]

#if defined(__SANITIZE_ADDRESS__)
#define NETMEM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NETMEM_ASAN 1
#endif
#endif
