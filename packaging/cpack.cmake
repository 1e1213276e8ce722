# What each of the two packages is made of; read by cpack once for each.
set(CPACK_INSTALL_CMAKE_PROJECTS "${CPACK_UTURN_BUILD_DIR};uturn;both;/")
if(CPACK_GENERATOR STREQUAL "DEB")
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS ${CPACK_UTURN_BUILD_DIR} uturn deb /)
elseif(CPACK_GENERATOR STREQUAL "RPM")
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS ${CPACK_UTURN_BUILD_DIR} uturn rpm /)
else()
  message(FATAL_ERROR "uturn is packaged as DEB and RPM, not as ${CPACK_GENERATOR}")
endif()
