# The loops that `netmem bench` and the programs under bench/ share.
file(GLOB bench_loop_sources CONFIGURE_DEPENDS bench/loops/*.cc)
list(FILTER bench_loop_sources EXCLUDE REGEX "_test\\.cc$")
add_library(netmem_bench_loops STATIC ${bench_loop_sources})
target_link_libraries(netmem_bench_loops PUBLIC netmem_static PRIVATE netmem_warnings)
