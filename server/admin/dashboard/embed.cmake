# Writes the files of the dashboard into one C++ source.
#
#   cmake -DOUT=dashboard_files.cc -DFILES=PATH,PATH,… -P embed.cmake
string(REPLACE "," ";" FILES "${FILES}")
set(arrays "")
set(table "")
set(number 0)
foreach(file ${FILES})
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}};\n")
  string(APPEND table
    "      {\"${name}\", {reinterpret_cast<const char*>(kFile${number}), sizeof kFile${number}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}" "// Made by embed.cmake of the files of the dashboard.
#include \"server/admin/dashboard_pages.h\"

namespace uturn {
namespace {

${arrays}
}  // namespace

std::vector<DashboardFile> dashboard_files() {
  return {
${table}  };
}

}  // namespace uturn
")
