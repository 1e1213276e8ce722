// The four kinds of credential database.
#pragma once

#include "server/directories/credential_store.h"

namespace uturn {

using ConnectedStore = Stored<std::unique_ptr<CredentialStore>>;

ConnectedStore connect_sqlite(const DatabaseUrl& url, const StoreOptions& options);
ConnectedStore connect_postgresql(const DatabaseUrl& url, const StoreOptions& options);
ConnectedStore connect_mysql(const DatabaseUrl& url, const StoreOptions& options);
ConnectedStore connect_redis(const DatabaseUrl& url, const StoreOptions& options);

}  // namespace uturn
