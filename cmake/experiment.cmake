# The builds of bench/regression-experiment (docs/benchmark-guard.md), which it configures itself. Nobody else wants them:
# such a build has the benchmarks and nothing more, and cannot be installed.
#   host_only            no device providers, and Netmem::is_device() is false at compile time
#   planted_regression   looks at the kind of memory in every alloc and recycle (netmem/core/experiment.h)
set(NETMEM_EXPERIMENT "" CACHE STRING "For bench/regression-experiment alone: host_only or planted_regression")
mark_as_advanced(NETMEM_EXPERIMENT)
set_property(CACHE NETMEM_EXPERIMENT PROPERTY STRINGS "" host_only planted_regression)

function(netmem_experiment sources)
  if(NETMEM_EXPERIMENT STREQUAL "")
    return()
  endif()
  if(NOT NETMEM_EXPERIMENT MATCHES "^(host_only|planted_regression)$")
    message(FATAL_ERROR "NETMEM_EXPERIMENT is \"${NETMEM_EXPERIMENT}\"; it may be host_only, planted_regression or empty")
  endif()
  if(NETMEM_BUILD_TOOLS OR NETMEM_BUILD_TESTS OR NETMEM_INSTALL)
    message(FATAL_ERROR "A build with NETMEM_EXPERIMENT has benchmarks only; add "
                        "-DNETMEM_BUILD_TOOLS=OFF -DNETMEM_BUILD_TESTS=OFF -DNETMEM_INSTALL=OFF")
  endif()
  set(NETMEM_XDP OFF PARENT_SCOPE)  # no port takes part
  string(TOUPPER NETMEM_EXPERIMENT_${NETMEM_EXPERIMENT} definition)
  add_compile_definitions(${definition})
  if(NETMEM_EXPERIMENT STREQUAL host_only)
    list(FILTER ${sources} EXCLUDE REGEX "/providers/(mapped|gpu)/")
    list(APPEND ${sources} ${PROJECT_SOURCE_DIR}/bench/experiment/no_device.cc)
  endif()
  set(${sources} ${${sources}} PARENT_SCOPE)
endfunction()
