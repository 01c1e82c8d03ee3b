# Programs that measure.
if(NOT TARGET netmem_tool_parts)
  list(REMOVE_ITEM netmem_bench_programs gpu)
endif()
foreach(name IN LISTS netmem_bench_programs)
  file(GLOB source bench/${name}.cc bench/${name}.c)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE netmem_static netmem_bench_loops fmt::fmt netmem_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endforeach()

if(TARGET gpu)
  target_sources(gpu PRIVATE bench/gpu/works.cc)
  target_link_libraries(gpu PRIVATE netmem_tool_parts)
endif()

# What bench/instruction-counts, bench/compare and bench/regression-experiment run.
string(TOUPPER "CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}" flags)
string(STRIP "${CMAKE_CXX_FLAGS} ${${flags}}" flags)
add_library(netmem_bench_driver STATIC bench/experiment/driver.cc)
target_compile_definitions(netmem_bench_driver PRIVATE
  NETMEM_COMPILER="${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" NETMEM_BUILD_TYPE="$<CONFIG>"
  NETMEM_FLAGS="${flags}" NETMEM_EXPERIMENT_NAME="${NETMEM_EXPERIMENT}")
target_link_libraries(netmem_bench_driver PUBLIC netmem_static PRIVATE fmt::fmt netmem_warnings)
target_link_libraries(hot_loops PRIVATE netmem_bench_driver)
target_sources(hot_loops PRIVATE bench/experiment/elsewhere_loops.cc bench/experiment/outside_provider.cc)

# Exact, so a busy machine does not matter; means nothing under a sanitizer.
if(NETMEM_BUILD_TESTS AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(bench ${PROJECT_SOURCE_DIR}/bench)
  add_test(NAME InstructionCounts.DeviceMemoryCostsTheSame COMMAND ${bench}/instruction-counts $<TARGET_FILE:hot_loops>)
  add_test(NAME InstructionCounts.AreThoseCheckedIn COMMAND ${bench}/instruction-counts --check $<TARGET_FILE:hot_loops>)
  add_test(NAME BenchmarkStatistics.KeepTheirPromises COMMAND ${bench}/statistics_of_pairs_test.py)
  add_test(NAME BenchmarkScripts.SayWhatTheyFind COMMAND ${bench}/guard_test.py)
  add_test(NAME BenchmarkReport.DrawsWhatTheFiguresSay COMMAND ${bench}/report_test.py)
  set(docs ${PROJECT_SOURCE_DIR}/docs)
  add_test(NAME Docs.PictureIsOfTheMeasurement
           COMMAND ${bench}/report --check ${docs}/measurements/bench.json ${docs}/benchmark.svg)
  add_test(NAME Docs.XdpPictureIsOfTheMeasurement
           COMMAND ${bench}/report --check ${docs}/measurements/xdp.json ${docs}/xdp.svg)
  # Builds the library three times under build/experiment.
  add_test(NAME RegressionExperiment.InstructionsTellOnlyThePlantedOneApart
           COMMAND ${bench}/regression-experiment --instructions-only)
  set_tests_properties(InstructionCounts.DeviceMemoryCostsTheSame InstructionCounts.AreThoseCheckedIn
                       BenchmarkStatistics.KeepTheirPromises BenchmarkScripts.SayWhatTheyFind
                       BenchmarkReport.DrawsWhatTheFiguresSay Docs.PictureIsOfTheMeasurement
                       Docs.XdpPictureIsOfTheMeasurement
                       RegressionExperiment.InstructionsTellOnlyThePlantedOneApart
                       PROPERTIES LABELS check SKIP_RETURN_CODE 77 TIMEOUT ${NETMEM_TEST_LIMIT})

  # On OpenCL, where there is any. Checks that tools run and say what they find; figures decide nothing.
  if(TARGET gpu)
    add_test(NAME GpuRun.SaysWhatTheFiguresAre COMMAND ${PROJECT_SOURCE_DIR}/tests/gpu/report_test.py)
    add_test(NAME GpuRun.RunsOnOpenCl
             COMMAND ${PROJECT_SOURCE_DIR}/tests/gpu/run --device opencl --quick --build ${PROJECT_BINARY_DIR}
                     --out ${PROJECT_BINARY_DIR}/gpu-report)
    set_tests_properties(GpuRun.SaysWhatTheFiguresAre GpuRun.RunsOnOpenCl PROPERTIES
                         LABELS check SKIP_RETURN_CODE 77 TIMEOUT ${NETMEM_TEST_LIMIT})
    set_tests_properties(GpuRun.RunsOnOpenCl PROPERTIES PROCESSORS 2)
  endif()
endif()
