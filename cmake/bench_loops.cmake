# bench/X.cc and bench/X.c of these are programs of their own named X; the other bench/*.cc belong to `netmem bench`.
set(netmem_bench_programs gpu hot_loops packets plain_recv plain_send xdp_queue)

# The loops that `netmem bench` and the programs under bench/ share.
file(GLOB bench_loop_sources CONFIGURE_DEPENDS bench/loops/*.cc)
list(FILTER bench_loop_sources EXCLUDE REGEX "_test\\.cc$")
add_library(netmem_bench_loops STATIC ${bench_loop_sources})
# Where a loop of a few instructions begins in a cache line moves its time by a third on some processors; nothing but its
# code should. The peers' loops get the same.
set(netmem_loop_options -falign-functions=64)
target_compile_options(netmem_bench_loops PRIVATE ${netmem_loop_options})
target_link_libraries(netmem_bench_loops PUBLIC netmem_static PRIVATE netmem_warnings)
