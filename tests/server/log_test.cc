// The log: one whole line per event, whatever the fields hold.
#include "server/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "server/address_hash.h"
#include "tests/relay/fakes.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

Log open_log(const std::string& file, LogFormat format = LogFormat::text,
             LogLevel level = LogLevel::info, LogPrivacy privacy = LogPrivacy::full) {
  auto log = Log::open({level, format, privacy, file});
  CHECK(log.has_value());
  return *std::move(log);
}

TEST(Log, ATextLineHasTimeLevelMessageAndFields) {
  const TemporaryDirectory directory;
  open_log(directory.path("log"))
      .info("listening", {{"uri", "udp://0.0.0.0:3478"}, {"workers", uint64_t{4}}});
  EXPECT_THAT(directory.read("log"),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "info  listening uri=udp://0.0.0.0:3478 workers=4\n"));
}

TEST(Log, AJsonLineIsOneObject) {
  const TemporaryDirectory directory;
  open_log(directory.path("log"), LogFormat::json)
      .warn("peer denied", {{"range", "10.0.0.0/8"}, {"times", uint64_t{3}}});
  const auto line = nlohmann::json::parse(directory.read("log"));
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["message"], "peer denied");
  EXPECT_EQ(line["range"], "10.0.0.0/8");
  EXPECT_EQ(line["times"], 3);
  EXPECT_TRUE(line.contains("time"));
}

TEST(Log, HostileValuesCannotForgeALine) {
  const std::string hostile = "x\ninfo  root logged in \"\x1b[2J\xff";
  EXPECT_EQ(text_line("user", {{"name", hostile}}),
            "user name=\"x\\ninfo  root logged in \\\"\\u001b[2J\xEF\xBF\xBD\"");
  EXPECT_EQ(text_line("a\nb", {}), "a?b");
  const auto parsed = nlohmann::json::parse(json_line("t", "info", "m\n", {{"name", hostile}}));
  EXPECT_EQ(parsed["message"], "m\n");
  EXPECT_THAT(parsed["name"].get<std::string>(), HasSubstr("root logged in"));
  EXPECT_EQ(json_line("t", "info", "m\n", {{"name", hostile}}).find('\n'), std::string::npos);
}

TEST(Log, BelowItsLevelItIsQuiet) {
  const TemporaryDirectory directory;
  const Log log = open_log(directory.path("log"), LogFormat::text, LogLevel::warn);
  log.debug("d");
  log.info("i");
  log.warn("w");
  log.error("e");
  EXPECT_FALSE(log.is_enabled(LogLevel::info));
  EXPECT_TRUE(log.is_enabled(LogLevel::error));
  EXPECT_THAT(directory.read("log"), MatchesRegex(".* warn  w\n.* error e\n"));
}

TEST(Log, ABatchIsTheSameLines) {
  const TemporaryDirectory directory;
  const Log log = open_log(directory.path("log"));
  {
    LogBatch batch{log, LogComponent::sessions, LogLevel::info};
    batch.write("allocation ended", {{"user", "alice"}});
    batch.write("allocation ended", {{"user", "bob\nmallory"}});
    EXPECT_EQ(directory.read("log"), "") << "they are written together";
  }
  EXPECT_THAT(directory.read("log"),
              MatchesRegex("[^ ]+ info  sessions: allocation ended user=alice\n"
                           "[^ ]+ info  sessions: allocation ended user=\"bob.nmallory\"\n"));
  LogBatch quiet{log, LogComponent::sessions, LogLevel::debug};
  quiet.write("allocation ended", {{"user", "carol"}});
}

TEST(Log, AFullBatchIsWrittenAtOnce) {
  const TemporaryDirectory directory;
  const Log log = open_log(directory.path("log"), LogFormat::json);
  LogBatch batch{log, LogComponent::sessions, LogLevel::info};
  for (int i = 0; i < 1'000; ++i) batch.write("allocation ended", {{"user", "alice"}});
  std::istringstream lines(directory.read("log"));
  size_t whole = 0;
  for (std::string line; std::getline(lines, line); ++whole) {
    EXPECT_EQ(nlohmann::json::parse(line)["user"], "alice");
  }
  EXPECT_GT(whole, 0U);
  EXPECT_LT(whole, 1'000U);
}

TEST(Log, AfterARotationItWritesToTheNewFile) {
  const TemporaryDirectory directory;
  Log log = open_log(directory.path("log"));
  log.info("before");
  std::filesystem::rename(directory.path("log"), directory.path("log.1"));
  log.info("between");
  ASSERT_TRUE(log.reopen());
  log.info("after");
  EXPECT_THAT(directory.read("log.1"), HasSubstr("between"));
  EXPECT_THAT(directory.read("log"), HasSubstr("after"));
}

TEST(Log, AFileThatCannotBeWrittenIsNamed) {
  const auto log = Log::open({.file = "/dev/null/log"});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error(), "log.file: /dev/null/log cannot be opened for writing");
}

TEST(Log, ComponentsHaveLevelsOfTheirOwn) {
  const TemporaryDirectory directory;
  Log log = *Log::open(
      {.file = directory.path("log"),
       .levels = {{LogComponent::auth, LogLevel::debug}, {LogComponent::sessions, LogLevel::off}}});
  log.write(LogComponent::auth, LogLevel::debug, "a");
  log.write(LogComponent::sessions, LogLevel::error, "b");
  log.write(LogComponent::peers, LogLevel::debug, "c");
  int told = 0;
  log.watch_levels([&] { ++told; });
  log.set_level(LogComponent::peers, LogLevel::debug);
  log.write(LogComponent::peers, LogLevel::debug, "d");
  log.set_level(LogLevel::error);
  log.write(LogComponent::auth, LogLevel::warn, "e");
  EXPECT_EQ(told, 3);
  EXPECT_THAT(directory.read("log"), MatchesRegex("[^ ]+ debug auth: a\n[^ ]+ debug peers: d\n"));
}

TEST(Log, OtherSettingsArePreparedAndThenTaken) {
  const TemporaryDirectory directory;
  Log log = open_log(directory.path("log"));
  EXPECT_FALSE(Log::prepare({.level = LogLevel::off, .file = "/dev/null/log"}));
  auto other = Log::prepare({.format = LogFormat::json, .file = directory.path("other")});
  ASSERT_TRUE(other);
  log.info("still here");
  log.take(*std::move(other));
  log.info("moved");
  EXPECT_THAT(directory.read("log"), HasSubstr("still here"));
  EXPECT_THAT(directory.read("other"), HasSubstr("\"moved\""));
}

TEST(LogPrivacy, HashedTellsAddressesApartForADay) {
  SeededRandom random(1);
  const AddressHash hash(random);
  const std::chrono::sys_days day{std::chrono::days{20'000}};
  const auto name = [&](const char* address, int days = 0) {
    return hash.name_of(*IpAddress::parse(address), day + std::chrono::days{days});
  };
  EXPECT_THAT(name("192.0.2.1"), MatchesRegex("~[0-9a-f]{12}"));
  EXPECT_EQ(name("192.0.2.1"), name("192.0.2.1"));
  EXPECT_NE(name("192.0.2.1"), name("192.0.2.2"));
  EXPECT_NE(name("192.0.2.1"), name("192.0.2.1", 1));
  SeededRandom other(2);
  EXPECT_NE(AddressHash(other).name_of(*IpAddress::parse("192.0.2.1"), day), name("192.0.2.1"));
}

TEST(LogPrivacy, TruncatedKeepsTheNetwork) {
  const auto show = [](const char* text, LogPrivacy privacy) {
    return show_address(*IpAddress::parse(text), privacy);
  };
  EXPECT_EQ(show("192.0.2.77", LogPrivacy::full), "192.0.2.77");
  EXPECT_EQ(show("192.0.2.77", LogPrivacy::truncated), "192.0.2.0");
  EXPECT_EQ(show("2001:db8:1:2::3", LogPrivacy::truncated), "2001:db8:1::");
  EXPECT_EQ(show("192.0.2.77", LogPrivacy::none), "-");
}

TEST(LogPrivacy, PortsGoWithTheAddress) {
  const auto address = *TransportAddress::parse("192.0.2.77:4000");
  const TemporaryDirectory directory;
  const auto log = [&](LogPrivacy privacy) {
    return open_log(directory.path("log"), LogFormat::text, LogLevel::info, privacy);
  };
  EXPECT_EQ(log(LogPrivacy::full).show(address), "192.0.2.77:4000");
  EXPECT_EQ(log(LogPrivacy::truncated).show(address), "192.0.2.0");
  EXPECT_EQ(log(LogPrivacy::none).show(address), "-");
}

}  // namespace
}  // namespace uturn
