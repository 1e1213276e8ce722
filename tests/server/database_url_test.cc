// Database URLs: what they say, what is refused, and that passwords stay unseen.
#include "server/directories/database_url.h"

#include <gmock/gmock.h>

namespace uturn {
namespace {

using testing::HasSubstr;
using testing::Not;

DatabaseUrl parsed(std::string_view text) {
  const auto url = DatabaseUrl::parse(text);
  EXPECT_TRUE(url.has_value()) << text << ": " << (url ? "" : url.error());
  return url ? *url : DatabaseUrl{};
}

TEST(DatabaseUrl, NamesAFileOfSqlite) {
  const auto url = parsed("sqlite:///var/db/turn%20db");
  EXPECT_EQ(url.kind, DatabaseKind::sqlite);
  EXPECT_EQ(url.path, "/var/db/turn db");
  EXPECT_EQ(url.to_string(), "sqlite:///var/db/turn%20db");
}

TEST(DatabaseUrl, HoldsEncodedLogins) {
  const auto url = parsed("postgresql://turn:p%40ss%2Fword@db.example:5433/coturn?sslmode=require");
  EXPECT_EQ(url.user, "turn");
  EXPECT_EQ(url.password.reveal(), "p@ss/word");
  EXPECT_EQ(url.host, "db.example");
  EXPECT_EQ(url.port, 5433);
  EXPECT_EQ(url.database, "coturn");
  ASSERT_EQ(url.options.size(), 1U);
  EXPECT_FALSE(url.is_open_to_listeners());
}

TEST(DatabaseUrl, NeverShowsThePassword) {
  for (const char* text :
       {"postgresql://turn:hunter2@db.example/coturn", "redis://:hunter2@db.example/2",
        "mysql:host=db.example dbname=coturn user=turn password=hunter2",
        "mysql://turn@db.example/coturn?password=hunter2"}) {
    EXPECT_THAT(parsed(text).to_string(), Not(HasSubstr("hunter2")));
    EXPECT_THAT(parsed(text).to_string(), HasSubstr("********"));
    EXPECT_EQ(parsed(text).password.reveal(), "hunter2");
  }
  const auto broken = DatabaseUrl::parse("postgresql://turn:hunter2@db.example:port/coturn");
  ASSERT_FALSE(broken.has_value());
  EXPECT_THAT(broken.error(), Not(HasSubstr("hunter2")));
}

TEST(DatabaseUrl, ReadsTheWordsOfCoturn) {
  const auto redis = parsed("redis:ip=192.0.2.1 dbname=2 password=turn port=6380 timeout=30");
  EXPECT_EQ(redis.host, "192.0.2.1");
  EXPECT_EQ(redis.port, 6380);
  EXPECT_EQ(redis.database, "2");
  const auto postgresql =
      parsed("postgresql:host=localhost dbname=coturn user=turn password=turn connect_timeout=30");
  EXPECT_EQ(postgresql.database, "coturn");
  EXPECT_EQ(postgresql.user, "turn");
}

TEST(DatabaseUrl, TakesUnixSockets) {
  EXPECT_EQ(parsed("mysql://turn@localhost/coturn?socket=/run/mysqld/mysqld.sock").socket,
            "/run/mysqld/mysqld.sock");
  EXPECT_EQ(parsed("postgresql:///coturn?host=/run/postgresql").socket, "/run/postgresql");
}

TEST(DatabaseUrl, RefusesWhatItCannotServe) {
  for (const char* text :
       {"", "oracle://db/x", "sqlite://relative", "sqlite:///", "mysql://db", "redis://db/name",
        "rediss://db", "redis://db?tls=on", "mysql://db/x?unknown=1", "mysql://db:0/x",
        "mysql://db:99999/x", "postgresql://%zz/x", "mysql://[::1/x", "sqlite:///a%00b"}) {
    EXPECT_FALSE(DatabaseUrl::parse(text).has_value()) << text;
  }
}

TEST(DatabaseUrl, KnowsWhoMayListen) {
  EXPECT_TRUE(parsed("mysql://db.example/x").is_open_to_listeners());
  EXPECT_FALSE(parsed("mysql://db.example/x?tls=on").is_open_to_listeners());
  EXPECT_FALSE(parsed("mysql://127.0.0.1/x").is_open_to_listeners());
  EXPECT_FALSE(parsed("mysql://[::1]/x").is_open_to_listeners());
  EXPECT_FALSE(parsed("sqlite:///x").is_open_to_listeners());
}

}  // namespace
}  // namespace uturn
