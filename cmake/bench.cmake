# Benchmarks. bench/X_bench.cc and netmem/*/X_bench.cc are Google Benchmark programs named X_bench; any other bench/X.cc or
# bench/X.c is a program of its own named X.
find_package(benchmark REQUIRED)

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.cc bench/*.c netmem/*/*_bench.cc)
foreach(source IN LISTS bench_sources)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE netmem_static fmt::fmt netmem_warnings)
  if(name MATCHES "_bench$")
    target_link_libraries(${name} PRIVATE benchmark::benchmark_main)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endforeach()
