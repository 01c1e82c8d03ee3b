# The examples are the documentation's. cmake/tests.cmake runs them.
file(GLOB examples CONFIGURE_DEPENDS examples/*.cc)
foreach(source IN LISTS examples)
  cmake_path(GET source STEM name)
  add_executable(example_${name} ${source})
  target_link_libraries(example_${name} PRIVATE netmem::netmem netmem_warnings)
endforeach()
