# The library, compiled once and linked twice: `netmem` is shared and exports what cmake/netmem.map lets through,
# `netmem_static` is static and shows everything to the tests. Programs of this project link the static one. Sources may
# use fmt, which is compiled in: whoever links netmem needs nothing but threads, and with port xdp, its libraries
# (cmake/xdp.cmake).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# Checks that cost the fast path instructions (netmem/core/cache_guard.h). Headers depend on it, so such a build is not installed.
set(netmem_debug_default OFF)
if(CMAKE_BUILD_TYPE STREQUAL Debug AND NOT NETMEM_INSTALL)
  set(netmem_debug_default ON)
endif()
option(NETMEM_DEBUG "Check the use of page pools by threads; not for installing" ${netmem_debug_default})
if(NETMEM_DEBUG AND NETMEM_INSTALL)
  message(FATAL_ERROR "NETMEM_DEBUG changes what the headers mean, so that programs would not fit an installed library; add -DNETMEM_INSTALL=OFF")
endif()

function(netmem_library)
  cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
  add_library(netmem_objects OBJECT ${arg_SOURCES})
  add_library(netmem SHARED $<TARGET_OBJECTS:netmem_objects>)
  add_library(netmem_static STATIC $<TARGET_OBJECTS:netmem_objects>)
  foreach(target netmem_objects netmem netmem_static)
    target_compile_features(${target} PUBLIC cxx_std_23)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} PUBLIC Threads::Threads)
    if(NETMEM_DEBUG)
      target_compile_definitions(${target} PUBLIC NETMEM_DEBUG)
    endif()
  endforeach()
  # Without interposition, calls inside the shared library cost what they cost in the static one.
  target_compile_options(netmem_objects PRIVATE -fno-semantic-interposition)
  target_link_libraries(netmem_objects PRIVATE netmem_warnings fmt::fmt-header-only)
  if(NETMEM_XDP)
    foreach(target netmem_objects netmem netmem_static)
      target_link_libraries(${target} PRIVATE PkgConfig::NETMEM_XDP_LIBRARIES)
    endforeach()
  endif()
  set_target_properties(netmem_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)

  set(map ${PROJECT_SOURCE_DIR}/cmake/netmem.map)
  target_link_options(netmem PRIVATE -Wl,--version-script=${map})
  set_target_properties(netmem PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                          EXPORT_NAME netmem LINK_DEPENDS ${map})
  set_target_properties(netmem_static PROPERTIES OUTPUT_NAME netmem EXPORT_NAME netmem)

  # For projects that take netmem in with add_subdirectory; after an install, see netmem-config.cmake.in.
  if(BUILD_SHARED_LIBS)
    add_library(netmem::netmem ALIAS netmem)
  else()
    add_library(netmem::netmem ALIAS netmem_static)
  endif()
endfunction()

# The public headers: netmem/netmem.h and whatever it reaches through includes. Everything else is internal and is not
# installed. Paths relative to the source tree.
function(netmem_public_headers result)
  set(found "")
  set(queue netmem/netmem.h)
  while(queue)
    list(POP_FRONT queue header)
    list(APPEND found ${header})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${header})
    file(STRINGS ${PROJECT_SOURCE_DIR}/${header} includes REGEX "^#include \"netmem/")
    foreach(line IN LISTS includes)
      string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" included "${line}")
      if(NOT included IN_LIST found AND NOT included IN_LIST queue)
        list(APPEND queue ${included})
      endif()
    endforeach()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()
