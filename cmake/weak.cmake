# tests/weak/*.cc, label weak, netmem_weak_tests: the lock-free parts, compiled once more with the atomics of a model checker.
# Not under sanitizers: its threads are fibers, and it finds races and uses of freed memory itself.
file(GLOB weak_parts CONFIGURE_DEPENDS tests/weak/*.cc netmem/base/*.cc netmem/ring/*.cc netmem/core/*.cc netmem/pool/*.cc)
# tests/weak/environment.cc stands for these four.
list(FILTER weak_parts EXCLUDE REGEX "/netmem/.*_test\\.cc$|/netmem/(base/(check|fork|mapping)|core/generations)\\.cc$")
add_executable(netmem_weak_tests ${weak_parts})
target_include_directories(netmem_weak_tests PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_definitions(netmem_weak_tests PRIVATE NETMEM_ATOMIC_HEADER="tests/weak/atomics.h")
target_link_libraries(netmem_weak_tests PRIVATE netmem_warnings Threads::Threads fmt::fmt-header-only GTest::gtest_main)
set_target_properties(netmem_weak_tests PROPERTIES EXPORT_COMPILE_COMMANDS OFF)  # scripts/lint reads the library as it is
gtest_discover_tests(netmem_weak_tests DISCOVERY_MODE PRE_TEST PROPERTIES LABELS weak TIMEOUT ${NETMEM_TEST_LIMIT})
