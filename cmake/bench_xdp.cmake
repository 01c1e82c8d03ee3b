# What bench/xdp-throughput runs: a generator, receivers on libxdp alone, on a plain socket and on netmem. Each is built
# where what it needs is there; the script says what is missing.
find_package(PkgConfig REQUIRED)
find_package(CLI11 QUIET)
pkg_check_modules(NETMEM_BENCH_LIBBPF QUIET IMPORTED_TARGET libbpf)
pkg_check_modules(NETMEM_BENCH_LIBXDP QUIET IMPORTED_TARGET libxdp)
find_program(NETMEM_BENCH_CLANG NAMES clang clang-19 clang-14)

set(programs ${PROJECT_BINARY_DIR}/bench/xdp_programs.bpf.o)
set(netmem_bench_xdp FALSE)
if(CLI11_FOUND AND NETMEM_BENCH_LIBBPF_FOUND AND NETMEM_BENCH_LIBXDP_FOUND AND NETMEM_BENCH_CLANG)
  set(netmem_bench_xdp TRUE)
else()
  message(STATUS "bench/xdp: not built; it needs clang, libbpf, libxdp and CLI11 (scripts/setup)")
endif()

# netmem_bench_xdp_program(X libraries...): bench/xdp/X.cc becomes xdp_X.
function(netmem_bench_xdp_program name)
  add_executable(xdp_${name} bench/xdp/${name}.cc)
  target_link_libraries(xdp_${name} PRIVATE netmem_bench_xdp_common ${ARGN} netmem_warnings)
  set_target_properties(xdp_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endfunction()

if(netmem_bench_xdp)
  # asm/types.h lies where the machine's own headers lie, which -target bpf does not know.
  add_custom_command(OUTPUT ${programs}
    COMMAND ${NETMEM_BENCH_CLANG} -O2 -g -Wall -target bpf -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -c ${PROJECT_SOURCE_DIR}/bench/xdp/programs.bpf.c -o ${programs}
    DEPENDS ${PROJECT_SOURCE_DIR}/bench/xdp/programs.bpf.c VERBATIM)
  add_custom_target(netmem_bench_xdp_programs DEPENDS ${programs})
  add_library(netmem_bench_xdp_common STATIC bench/xdp/common.cc)
  add_dependencies(netmem_bench_xdp_common netmem_bench_xdp_programs)
  target_compile_definitions(netmem_bench_xdp_common PRIVATE NETMEM_BENCH_XDP_PROGRAMS="${programs}")
  target_include_directories(netmem_bench_xdp_common PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(netmem_bench_xdp_common PUBLIC fmt::fmt PkgConfig::NETMEM_BENCH_LIBBPF CLI11::CLI11 PRIVATE netmem_warnings)
  netmem_bench_xdp_program(generate)
  netmem_bench_xdp_program(bare PkgConfig::NETMEM_BENCH_LIBXDP)
  netmem_bench_xdp_program(socket)
  if(NETMEM_XDP)
    netmem_bench_xdp_program(netmem netmem_static)
  endif()
endif()

if(NETMEM_BUILD_TESTS AND netmem_bench_xdp AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  add_test(NAME XdpThroughput.ComparesWhatIsThere
           COMMAND ${PROJECT_SOURCE_DIR}/bench/xdp-throughput --check ${PROJECT_BINARY_DIR})
  set_tests_properties(XdpThroughput.ComparesWhatIsThere PROPERTIES
                       LABELS check SKIP_RETURN_CODE 77 TIMEOUT 300 PROCESSORS 2 RUN_SERIAL TRUE)
endif()
