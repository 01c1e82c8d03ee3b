# The program: tools/main.cc and one file per subcommand. All but main.cc is a library, so that tools/*_test.cc can link it.
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

file(GLOB tool_sources CONFIGURE_DEPENDS tools/*.cc)
list(FILTER tool_sources EXCLUDE REGEX "/main\\.cc$|_test\\.cc$")
add_library(netmem_tool_parts STATIC ${tool_sources})
target_compile_definitions(netmem_tool_parts PUBLIC NETMEM_VERSION="${PROJECT_VERSION}")
target_link_libraries(netmem_tool_parts
  PUBLIC netmem_static netmem_bench_loops CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json OpenSSL::Crypto PkgConfig::xxhash
  PRIVATE netmem_warnings)

add_executable(netmem_tool tools/main.cc)
set_target_properties(netmem_tool PROPERTIES OUTPUT_NAME netmem)
target_link_libraries(netmem_tool PRIVATE netmem_tool_parts netmem_warnings)
