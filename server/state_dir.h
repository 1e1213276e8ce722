// The state directory: what must survive a restart. Today that is the keys of the nonces.
#pragma once

#include <string>
#include <vector>

#include "auth/nonce.h"
#include "auth/random.h"
#include "protocol/result.h"

namespace uturn {

/// The keys, and where they came from in one sentence for the log.
struct LoadedNonceKeys {
  std::vector<NonceKey> keys;  ///< at least one
  bool survive_restart = false;
  std::string said;
};

/// Reads `directory`/nonce.keys, or makes it (0600, by rename) with one fresh key. A directory that
/// cannot be written leaves the keys in memory: calls survive, the next start's clients see one
/// 438. A file that is there and unreadable or malformed is an error: replacing it might cut a
/// fleet in two.
Result<LoadedNonceKeys, std::string> load_nonce_keys(const std::string& directory, Random& random);

/// A key of this process alone. `why`: one sentence for the log.
LoadedNonceKeys make_nonce_keys_in_memory(Random& random, const std::string& why);

/// One key per line, "id hex"; the first mints. The form in which a fleet shares them.
std::string print_nonce_keys(const std::vector<NonceKey>& keys);
std::optional<std::vector<NonceKey>> parse_nonce_keys(std::string_view text);

/// Writes a whole file or nothing: a new file of this mode beside it, synced, then renamed over it.
Result<Done, std::string> write_by_rename(const std::string& path, std::string_view content,
                                          unsigned mode);

}  // namespace uturn
