// The pages of the dashboard, as routes: they hold no number and no secret.
#pragma once

#include <string_view>
#include <vector>

#include "server/http/http_message.h"

namespace uturn {

/// A file as it is served, built into the program.
struct DashboardFile {
  std::string_view name;  ///< "index.html"
  std::string_view content;
};
std::vector<DashboardFile> dashboard_files();

/// GET /, /test and what they load. They load nothing from anywhere else, and a policy says so.
std::vector<HttpRoute> dashboard_pages();

}  // namespace uturn
