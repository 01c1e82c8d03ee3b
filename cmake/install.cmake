# What an install puts where. The two libraries are exported under the same name, netmem::netmem, in two files;
# netmem-config.cmake includes one of them.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/netmem)

install(TARGETS netmem EXPORT netmem-shared)
install(TARGETS netmem_static EXPORT netmem-static)
foreach(kind shared static)
  install(EXPORT netmem-${kind} NAMESPACE netmem:: DESTINATION ${package_dir})
endforeach()

netmem_public_headers(public_headers)
foreach(header IN LISTS public_headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
endforeach()

set(netmem_xdp_modules_words "")
if(NETMEM_XDP)
  list(JOIN netmem_xdp_modules " " netmem_xdp_modules_words)
endif()
configure_package_config_file(cmake/netmem-config.cmake.in netmem-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(netmem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/netmem-config.cmake ${PROJECT_BINARY_DIR}/netmem-config-version.cmake
        DESTINATION ${package_dir})

file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/netmem.pc.in netmem.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/netmem.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET netmem_tool)
  install(TARGETS netmem_tool)
  install(FILES docs/netmem.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES tools/completion/netmem.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME netmem)
  install(FILES tools/completion/_netmem DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES tools/completion/netmem.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
