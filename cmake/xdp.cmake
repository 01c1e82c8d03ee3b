# Port `xdp`: its libraries, and the XDP program, which clang compiles for BPF and the library carries as bytes.
# Without NETMEM_XDP the port's interfaces stay, and say that netmem was built without it (netmem/ports/xdp/no_xdp.cc).
option(NETMEM_XDP "Build port xdp (AF_XDP), which needs libxdp, libbpf, libmnl and clang" ON)
set(netmem_xdp_modules libxdp libbpf libelf zlib libmnl)
set(netmem_xdp_dir ${CMAKE_CURRENT_LIST_DIR})

function(netmem_xdp_refuse what)
  message(FATAL_ERROR "Port xdp cannot be built: ${what}. Install the packages libxdp-dev, libbpf-dev, libmnl-dev and clang, or "
                      "configure with -DNETMEM_XDP=OFF to do without the port.")
endfunction()

# Finds what the port needs, drops the sources of the other case, adds the program's bytes.
function(netmem_xdp sources)
  if(NOT NETMEM_XDP)
    list(FILTER ${sources} EXCLUDE REGEX "/ports/(link/watch|xdp/(attachment|filter|port|socket))\\.cc$")
    set(${sources} ${${sources}} PARENT_SCOPE)
    return()
  endif()
  list(FILTER ${sources} EXCLUDE REGEX "/ports/xdp/no_xdp\\.cc$")
  find_package(PkgConfig QUIET)
  if(NOT PkgConfig_FOUND)
    netmem_xdp_refuse("there is no pkg-config")
  endif()
  pkg_check_modules(NETMEM_XDP_LIBRARIES QUIET IMPORTED_TARGET ${netmem_xdp_modules})
  if(NOT NETMEM_XDP_LIBRARIES_FOUND)
    list(JOIN netmem_xdp_modules ", " modules)
    netmem_xdp_refuse("pkg-config does not know all of ${modules}")
  endif()
  find_program(NETMEM_BPF_CLANG NAMES clang clang-19 clang-14 DOC "clang that compiles for BPF")
  if(NOT NETMEM_BPF_CLANG)
    netmem_xdp_refuse("there is no clang")
  endif()
  netmem_xdp_program(bytes)
  set(${sources} ${${sources}} ${bytes} PARENT_SCOPE)
endfunction()

function(netmem_xdp_program result)
  set(source ${PROJECT_SOURCE_DIR}/netmem/ports/xdp/program.bpf.c)
  set(object ${PROJECT_BINARY_DIR}/xdp_program.bpf.o)
  set(bytes ${PROJECT_BINARY_DIR}/xdp_program_bytes.cc)
  # The kernel's headers for BPF are those of the machine that compiles; on Debian asm/ is in a folder of its own.
  add_custom_command(OUTPUT ${object}
    COMMAND ${NETMEM_BPF_CLANG} -target bpf -O2 -g -Wall -Werror -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
            -fdebug-compilation-dir=. -I${PROJECT_SOURCE_DIR} -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -c ${source} -o ${object}
    DEPENDS ${source} ${PROJECT_SOURCE_DIR}/netmem/ports/xdp/program.h VERBATIM COMMENT "Compiling the XDP program for BPF")
  add_custom_command(OUTPUT ${bytes}
    COMMAND ${CMAKE_COMMAND} -DFROM=${object} -DTO=${bytes} -P ${netmem_xdp_dir}/write_bytes.cmake
    DEPENDS ${object} ${netmem_xdp_dir}/write_bytes.cmake VERBATIM COMMENT "Writing the XDP program's bytes")
  set(${result} ${bytes} PARENT_SCOPE)
endfunction()
