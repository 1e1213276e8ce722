// `uturn user` and `uturn secret`: the credential database, for people and scripts.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "server/value_sources.h"

namespace uturn {

/// `uturn user add|remove|list`. Exit status 0; 1 where the database cannot be reached or there is
/// no such user; 2 for usage.
int run_user_command(const std::vector<std::string>& arguments, const ValueSources& sources,
                     std::ostream& out, std::ostream& err);
/// `uturn secret add|remove|list`.
int run_secret_command(const std::vector<std::string>& arguments, const ValueSources& sources,
                       std::ostream& out, std::ostream& err);

}  // namespace uturn
