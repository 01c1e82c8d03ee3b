# Tests. Sources are found by name:
#   netmem/**/*_test.cc, {tools,bench}/*_test.cc,
#   tests/{provider,regress}/*_test.cc                                      label unit         netmem_tests
#   tests/{model,stress,integration}/*_test.cc                              label = folder     netmem_FOLDER_tests
#   tests/weak/*.cc                                                         label weak         netmem_weak_tests (weak.cmake)
#   tests/integration/X.sh, but common.sh and namespaces.sh                 label integration  integration.X; 77: skipped
#   tests/integration/programs/X.cc                                         a program for a script, built beside netmem
#   tests/fuzz/X_fuzz.cc, netmem/**/X_fuzz.cc                                label fuzz         replay of tests/fuzz/corpus/X; scripts/fuzz
#                                                                                              goes on from there
# Any other tests/*/*.cc, and netmem/**/*_test_support.cc, is shared by all of them. The program `netmem` is a
# script's argument, and the macro NETMEM_PROGRAM in C++.
find_package(GTest REQUIRED)

# Seconds that a test may take. It only catches hangs, and is ten times what the slowest needs on a quiet machine.
set(NETMEM_TEST_LIMIT 1800)
include(GoogleTest)

file(GLOB support CONFIGURE_DEPENDS tests/*/*.cc)
file(GLOB_RECURSE support_beside CONFIGURE_DEPENDS netmem/*_test_support.cc)
list(APPEND support ${support_beside})
list(FILTER support EXCLUDE REGEX "_(test|fuzz)\\.cc$|/tests/(captures|install|fuzz|weak)/")
add_library(netmem_test_support INTERFACE)
target_link_libraries(netmem_test_support INTERFACE netmem_static fmt::fmt netmem_warnings)
if(support)
  add_library(netmem_test_parts STATIC ${support})
  target_link_libraries(netmem_test_parts PRIVATE netmem_static fmt::fmt GTest::gmock netmem_warnings)
  target_link_libraries(netmem_test_support INTERFACE netmem_test_parts)
endif()
if(TARGET netmem_tool_parts)
  target_link_libraries(netmem_test_support INTERFACE netmem_tool_parts)
  target_compile_definitions(netmem_test_support INTERFACE NETMEM_PROGRAM="$<TARGET_FILE:netmem_tool>")
endif()

# A CUDA driver for machines without one, whole and with a function missing; loaded at run time, as the real one.
foreach(fake whole lacking)
  add_library(fake_cuda_${fake} SHARED tests/support/cuda/fake_libcuda.cc)
  target_include_directories(fake_cuda_${fake} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(fake_cuda_${fake} PRIVATE netmem_warnings)
  target_compile_options(fake_cuda_${fake} PRIVATE -fvisibility=default)
  set_target_properties(fake_cuda_${fake} PROPERTIES PREFIX "" OUTPUT_NAME libcuda SUFFIX .so.1
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fake_cuda/${fake}
    NO_SONAME ON)  # or it would pass for the real one in the same process
endforeach()
target_compile_definitions(fake_cuda_lacking PRIVATE FAKE_CUDA_LACKS_A_SYMBOL)
set_source_files_properties(tests/provider/cuda_test.cc tests/provider/device_api_test.cc tests/provider/gather_test.cc PROPERTIES COMPILE_DEFINITIONS
  "NETMEM_FAKE_CUDA=\"$<TARGET_FILE:fake_cuda_whole>\";NETMEM_LACKING_CUDA=\"$<TARGET_FILE:fake_cuda_lacking>\"")

function(netmem_gtests name label)
  if(NOT ARGN)
    return()
  endif()
  add_executable(${name} ${ARGN} tests/main.cc)
  target_link_libraries(${name} PRIVATE netmem_test_support GTest::gmock)
  add_dependencies(${name} fake_cuda_whole fake_cuda_lacking)
  if(TARGET netmem_tool)
    add_dependencies(${name} netmem_tool)
  endif()
  set(processors 1)
  if(label STREQUAL stress)
    set(processors 2)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${label} TIMEOUT ${NETMEM_TEST_LIMIT} PROCESSORS ${processors})
endfunction()

file(GLOB unit_tests CONFIGURE_DEPENDS tests/provider/*_test.cc tests/regress/*_test.cc)
file(GLOB_RECURSE tests_beside CONFIGURE_DEPENDS netmem/*_test.cc)
list(APPEND unit_tests ${tests_beside})
if(TARGET netmem_tool_parts)
  file(GLOB tool_tests CONFIGURE_DEPENDS tools/*_test.cc bench/*_test.cc)
endif()
if(NOT NETMEM_XDP)
  list(FILTER unit_tests EXCLUDE REGEX "/link/watch_test\\.cc$")
endif()
set_source_files_properties(${PROJECT_SOURCE_DIR}/netmem/ports/link/watch_test.cc PROPERTIES
  COMPILE_DEFINITIONS NETMEM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
netmem_gtests(netmem_tests unit ${unit_tests} ${tool_tests})
foreach(label model stress integration)
  file(GLOB sources CONFIGURE_DEPENDS tests/${label}/*_test.cc)
  netmem_gtests(netmem_${label}_tests ${label} ${sources})
endforeach()

file(GLOB programs CONFIGURE_DEPENDS tests/integration/programs/*.cc)
foreach(source IN LISTS programs)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE netmem_test_support)
endforeach()

# What tests/integration/dissect.sh compares with tshark; the script skips without it.
find_library(NETMEM_PCAP pcap)
find_path(NETMEM_PCAP_INCLUDE pcap/pcap.h)
if(NETMEM_PCAP AND NETMEM_PCAP_INCLUDE)
  add_executable(netmem_layouts tests/captures/layouts.cc)
  target_include_directories(netmem_layouts SYSTEM PRIVATE ${NETMEM_PCAP_INCLUDE})
  target_link_libraries(netmem_layouts PRIVATE netmem_static fmt::fmt ${NETMEM_PCAP} netmem_warnings)
endif()

if(TARGET netmem_tool)
  file(GLOB scripts CONFIGURE_DEPENDS tests/integration/*.sh)
  list(FILTER scripts EXCLUDE REGEX "/(common|namespaces)\\.sh$")
  foreach(script IN LISTS scripts)
    cmake_path(GET script STEM name)
    add_test(NAME integration.${name} COMMAND bash ${script} $<TARGET_FILE:netmem_tool>)
    set_tests_properties(integration.${name} PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT ${NETMEM_TEST_LIMIT})
  endforeach()
endif()

file(GLOB fuzz_targets CONFIGURE_DEPENDS tests/fuzz/*_fuzz.cc)
file(GLOB_RECURSE fuzz_beside CONFIGURE_DEPENDS netmem/*_fuzz.cc)
list(APPEND fuzz_targets ${fuzz_beside})
if(NOT NETMEM_XDP)
  list(FILTER fuzz_targets EXCLUDE REGEX "/link_fuzz\\.cc$")
endif()
add_custom_target(netmem_fuzz)
foreach(source IN LISTS fuzz_targets)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  add_dependencies(netmem_fuzz ${name})
  target_link_libraries(${name} PRIVATE netmem_test_support)
  if(NETMEM_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE tests/fuzz/replay_main.cc)
    string(REGEX REPLACE "_fuzz$" "" corpus ${name})
    add_test(NAME ${name}.ReplaysItsCorpus COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
    set_tests_properties(${name}.ReplaysItsCorpus PROPERTIES LABELS fuzz)
  endif()
endforeach()

if(NETMEM_BUILD_EXAMPLES)
  add_test(NAME Examples.HelloRuns COMMAND example_hello)
  set_tests_properties(Examples.HelloRuns PROPERTIES LABELS unit)
endif()

# Checks of the sources and of what is installed need no sanitizer.
if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  include(cmake/weak.cmake)
  add_subdirectory(tests/guest)
  set(root ${PROJECT_SOURCE_DIR})
  add_test(NAME Includes.PointDownTheLadder COMMAND ${root}/scripts/check-includes)
  add_test(NAME Includes.ViolationsAreCaught COMMAND ${root}/scripts/check-includes --self-test)
  add_test(NAME Exports.OnlyNamespaceNetmem COMMAND ${root}/scripts/check-exports $<TARGET_FILE:netmem>)
  add_test(NAME Docs.NameWhatExists COMMAND ${root}/scripts/check-docs)
  add_test(NAME Docs.MistakesAreCaught COMMAND ${root}/scripts/check-docs --self-test)
  add_test(NAME Fuzz.FailuresAreCaught COMMAND ${root}/scripts/fuzz --self-test)
  set_tests_properties(Fuzz.FailuresAreCaught PROPERTIES LABELS check SKIP_RETURN_CODE 77)
  add_test(NAME Kernels.PtxIsWhatTheSourceGives COMMAND ${root}/scripts/make-kernels --check)
  set_tests_properties(Kernels.PtxIsWhatTheSourceGives PROPERTIES LABELS check SKIP_RETURN_CODE 77)
  add_test(NAME Mutants.FitTheSources COMMAND ${root}/tests/regress/mutants --check)
  set_tests_properties(Includes.PointDownTheLadder Includes.ViolationsAreCaught Exports.OnlyNamespaceNetmem
                       Docs.NameWhatExists Docs.MistakesAreCaught Mutants.FitTheSources PROPERTIES LABELS check)
  if(NETMEM_INSTALL)
    add_test(NAME Install.ConsumersBuildAgainstIt COMMAND ${root}/tests/install/run ${PROJECT_BINARY_DIR})
    set_tests_properties(Install.ConsumersBuildAgainstIt PROPERTIES LABELS install)
  endif()
endif()
