// Where this tree is: for tests that read its vectors, seeds and documented configuration.
#pragma once

#include <string>

namespace uturn {

std::string source_dir();

}  // namespace uturn
