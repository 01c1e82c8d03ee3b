# The program: tools/main.cc and one file per subcommand. All but main.cc is a library, so that tools/*_test.cc can link it.
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

file(GLOB tool_sources CONFIGURE_DEPENDS tools/*.cc)
file(GLOB bench_parts CONFIGURE_DEPENDS bench/*.cc)
foreach(name IN LISTS netmem_bench_programs)
  list(FILTER bench_parts EXCLUDE REGEX "/bench/${name}\\.cc$")
endforeach()
list(APPEND tool_sources ${bench_parts})
list(FILTER tool_sources EXCLUDE REGEX "/main\\.cc$|_test\\.cc$")
add_library(netmem_tool_parts STATIC ${tool_sources})
# JSON_DIAGNOSTICS: errors in a file of figures say where.
target_compile_definitions(netmem_tool_parts PUBLIC NETMEM_VERSION="${PROJECT_VERSION}" JSON_DIAGNOSTICS=1 PRIVATE NETMEM_BUILD_TYPE="$<CONFIG>")
target_link_libraries(netmem_tool_parts
  PUBLIC netmem_static netmem_bench_loops CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json OpenSSL::Crypto PkgConfig::xxhash
  PRIVATE netmem_warnings)

add_executable(netmem_tool tools/main.cc)
set_target_properties(netmem_tool PROPERTIES OUTPUT_NAME netmem)
target_link_libraries(netmem_tool PRIVATE netmem_tool_parts netmem_warnings)

# The commit, anew with every build: figures say which sources they are of.
set(commit_header ${PROJECT_BINARY_DIR}/generated/netmem_commit.h)
set(write_commit ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUT=${commit_header}
                 -P ${PROJECT_SOURCE_DIR}/cmake/write_commit.cmake)
execute_process(COMMAND ${write_commit})
add_custom_target(netmem_commit COMMAND ${write_commit} BYPRODUCTS ${commit_header} VERBATIM)
add_dependencies(netmem_tool_parts netmem_commit)
target_include_directories(netmem_tool_parts PRIVATE ${PROJECT_BINARY_DIR}/generated)
