// The one file that is compiled with the place of the tree: all others are the same in every
// checkout, and ccache finds them.
#include "tests/source_dir.h"

namespace uturn {

std::string source_dir() { return UTURN_SOURCE_DIR; }

}  // namespace uturn
