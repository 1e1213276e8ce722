// What the machine grants: CPUs, descriptors, addresses, accounts, signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>

#include "server/capacity.h"
#include "server/cpus.h"
#include "server/interfaces.h"
#include "server/privileges.h"
#include "server/quick_start.h"
#include "server/signals.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
ListenerUri uri(std::string_view text) { return *ListenerUri::parse(text); }

TEST(Cpus, AQuotaIsRoundedUp) {
  EXPECT_EQ(parse_cpu_max("200000 100000\n"), 2u);
  EXPECT_EQ(parse_cpu_max("150000 100000"), 2u);
  EXPECT_EQ(parse_cpu_max("1000 100000"), 1u);
  for (const char* text :
       {"max 100000", "", "100000", "-1 100000", "0 100000", "100000 0", "a b"}) {
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  }
}

TEST(Cpus, TheSmallestQuotaOfTheGroupAndItsAncestorsCounts) {
  const TemporaryDirectory directory;
  directory.write("cgroup/system/uturn/cpu.max", "max 100000\n");
  directory.write("cgroup/system/cpu.max", "250000 100000\n");
  const CpuSources sources{8, directory.write("self", "0::/system/uturn\n"),
                           directory.path("cgroup")};
  EXPECT_EQ(count_granted_cpus(sources), 3u);
}

TEST(Cpus, VersionOneHasItsOwnFiles) {
  const TemporaryDirectory directory;
  directory.write("cgroup/cpu/docker/cpu.cfs_quota_us", "400000\n");
  directory.write("cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
  directory.write("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  directory.write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const std::string self =
      directory.write("self", "5:memory:/docker\n4:cpuacct,cpu:/docker\n0::/docker\n");
  EXPECT_EQ(count_granted_cpus({16, self, directory.path("cgroup")}), 4u);
  EXPECT_EQ(count_granted_cpus({2, self, directory.path("cgroup")}), 2u);
}

TEST(Cpus, WithoutControlGroupsAffinityDecidesAndThereIsAlwaysOne) {
  EXPECT_EQ(count_granted_cpus({6, "/nowhere", "/nowhere"}), 6u);
  EXPECT_EQ(count_granted_cpus({0, "/nowhere", "/nowhere"}), 1u);
  EXPECT_GE(this_process_cpus().affinity, 1u);
}

TEST(Capacity, SaysWhatBoundsIt) {
  const CapacityNeeds needs{.workers = 2,
                            .listeners = 2,
                            .ipv4_addresses = 1,
                            .relay_ports = 16'384,
                            .allocation_limit = 1'000'000};
  const uint64_t own = 64 + 2 * (8 + 2);
  const Capacity by_descriptors = compute_capacity(needs, 1024);
  EXPECT_EQ(by_descriptors.twins, 118u) << "an eighth of what is left";
  EXPECT_EQ(by_descriptors.allocations, 1024 - own - 118);
  EXPECT_EQ(by_descriptors.said,
            "room for 822 allocations: bounded by 1024 descriptors (RLIMIT_NOFILE)");

  EXPECT_EQ(compute_capacity(needs, 1'000'000).said,
            "room for 16384 allocations: bounded by relay.ports, 16384 ports for IPv4");
  CapacityNeeds dual = needs;
  dual.ipv6_addresses = 1;
  EXPECT_EQ(
      compute_capacity(dual, 1'000'000).said,
      "room for 32768 allocations: bounded by relay.ports, 16384 ports for IPv4 and 16384 for "
      "IPv6");
  CapacityNeeds few = needs;
  few.allocation_limit = 10;
  EXPECT_EQ(compute_capacity(few, 1'000'000).said,
            "room for 10 allocations: bounded by limits.allocations");
  EXPECT_EQ(compute_capacity(needs, 10).allocations, 0u);
}

TEST(Capacity, TheWantedDescriptorsLeaveTheOtherLimitsInCharge) {
  const CapacityNeeds needs{.workers = 1,
                            .listeners = 1,
                            .ipv4_addresses = 2,
                            .relay_ports = 1000,
                            .allocation_limit = 1'500};
  EXPECT_EQ(compute_capacity(needs, wanted_descriptors(needs)).allocations, 1'500u);
  EXPECT_LT(compute_capacity(needs, wanted_descriptors(needs) - 1).allocations, 1'500u);
}

TEST(Capacity, AllocationsOfBothFamiliesAndReservationsHaveRoom) {
  CapacityNeeds needs{.workers = 2,
                      .listeners = 1,
                      .ipv4_addresses = 1,
                      .ipv6_addresses = 0,
                      .relay_ports = 10'000,
                      .allocation_limit = 1'000};
  const uint64_t own = 64 + 2 * (8 + 1);
  const auto with_twins = [](double sockets) {
    return static_cast<uint64_t>(std::ceil(sockets * 8 / 7));
  };
  EXPECT_EQ(wanted_descriptors(needs), own + with_twins(1'000));
  needs.ipv6_addresses = 1;
  EXPECT_EQ(wanted_descriptors(needs), own + with_twins(2'000));
  needs.reservation_limit = 10;
  EXPECT_EQ(wanted_descriptors(needs), own + with_twins(2'000 + 2 * 10));
  needs.relay_ports = 100;  // and never more than there are ports
  EXPECT_EQ(wanted_descriptors(needs), own + with_twins(2 * 100));
}

TEST(Capacity, WorkersShareTheAnswersToTheUnauthenticated) {
  Limits limits;
  limits.answers_per_second = 100;
  limits.answers_burst = 3;
  limits.pending_requests = 7;
  const Limits own = limits_of_worker(limits, 4);
  EXPECT_EQ(own.answers_per_second, 25u);
  EXPECT_EQ(own.answers_burst, 1u) << "none at all would be silence";
  EXPECT_EQ(own.pending_requests, 7u) << "per worker";
}

TEST(Capacity, TheLimitIsRaisedAndNeverLowered) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(300), std::min<rlim_t>(300, before.rlim_max));
  EXPECT_EQ(raise_descriptor_limit(100), std::min<rlim_t>(300, before.rlim_max));
  ::setrlimit(RLIMIT_NOFILE, &before);
}

const std::vector<LocalAddress> kLocals = {
    {ip("127.0.0.1"), "lo"}, {ip("172.17.0.1"), "docker0"}, {ip("10.0.0.5"), "eth0", true},
    {ip("fe80::1"), "eth0"}, {ip("2001:db8::5"), "eth0"},
};

TEST(RelayAddresses, AreThoseTheListenersName) {
  EXPECT_THAT(choose_relay_addresses({uri("udp://127.0.0.1:0"), uri("udp://127.0.0.1:1")}, kLocals),
              ElementsAre(ip("127.0.0.1")));
}

TEST(RelayAddresses, AWildcardIsTheSystemsOwnChoice) {
  EXPECT_THAT(choose_relay_addresses(default_listeners(), kLocals),
              ElementsAre(ip("10.0.0.5"), ip("2001:db8::5")));
}

TEST(RelayAddresses, AMachineWithNothingElseRelaysOnLoopback) {
  EXPECT_THAT(
      choose_relay_addresses(default_listeners(),
                             {{ip("127.0.0.1"), "lo"}, {ip("::1"), "lo"}, {ip("fe80::1"), "x"}}),
      ElementsAre(ip("127.0.0.1")));
}

TEST(RelayAddresses, TheRealInterfacesHaveLoopback) {
  const auto locals = read_local_addresses();
  ASSERT_TRUE(locals) << locals.error();
  EXPECT_THAT(addresses_of(*locals), ::testing::Contains(ip("127.0.0.1")));
}

TEST(ExternalPairs, APlainAddressStandsForEveryAddressOfItsFamily) {
  const auto pairs = expand_external({*ExternalMapping::parse("203.0.113.7")},
                                     {ip("10.0.0.5"), ip("10.0.0.6"), ip("2001:db8::5")});
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[1].public_address, ip("203.0.113.7"));
  EXPECT_EQ(pairs[1].private_address, ip("10.0.0.6"));
}

TEST(ExternalPairs, APairStandsForItself) {
  const auto pairs = expand_external({*ExternalMapping::parse("203.0.113.7/10.0.0.6")},
                                     {ip("10.0.0.5"), ip("10.0.0.6")});
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].private_address, ip("10.0.0.6"));
}

QuickStart quick_start_at(const char* relay_address) {
  QuickStart found;
  found.listeners = {uri("udp://0.0.0.0:3478")};
  found.relay_addresses = {ip(relay_address)};
  found.locals = {{ip(relay_address), "eth0", true}};
  found.username = "uturn";
  found.credential = "wonderland";
  return found;
}

TEST(QuickStartText, HoldsWhatANewcomerNeeds) {
  QuickStart found = quick_start_at("8.8.4.4");
  found.self_test = "passed in 1 ms";
  const std::string text = quick_start_text(found);
  EXPECT_THAT(text, HasSubstr("listening  udp://0.0.0.0:3478\n"));
  EXPECT_THAT(text, HasSubstr("relaying   8.8.4.4, ports 49152-65535\n"));
  EXPECT_THAT(text, HasSubstr("self-test  passed in 1 ms\n"));
  EXPECT_THAT(text, HasSubstr("\"turn:8.8.4.4?transport=udp\""));
  EXPECT_THAT(text, HasSubstr("\"credential\": \"wonderland\""));
  EXPECT_THAT(text, Not(HasSubstr("--external-ip")));
}

TEST(QuickStartText, PrivateAddressesNameTheOptionThatHelps) {
  EXPECT_THAT(quick_start_text(quick_start_at("10.0.0.5")), HasSubstr("--external-ip"));
  QuickStart mapped = quick_start_at("10.0.0.5");
  mapped.external = {*ExternalMapping::parse("8.8.4.4")};
  EXPECT_THAT(quick_start_text(mapped), Not(HasSubstr("--external-ip")));
  EXPECT_THAT(quick_start_text(mapped), HasSubstr("relaying   8.8.4.4 (here 10.0.0.5)"));
}

TEST(QuickStart, MakesACredentialOnlyWhereNobodySaidAnything) {
  CsprngRandom random;
  Config nothing;
  complete_quick_start(nothing, random);
  EXPECT_TRUE(nothing.start.credential_generated);
  Config other;
  complete_quick_start(other, random);
  EXPECT_FALSE(other.auth.users.at("uturn").password == nothing.auth.users.at("uturn").password);

  Config with_file;
  with_file.start.config_file = "x";
  Config open;
  open.auth.required = false;
  Config with_secret;
  with_secret.auth.secrets.emplace_back("s");
  for (Config* config : {&with_file, &open, &with_secret}) {
    complete_quick_start(*config, random);
    EXPECT_TRUE(config->auth.users.empty());
  }
}

TEST(Privileges, AccountsAreFoundByNameAndNumber) {
  const auto root = find_account("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->user, 0u);
  const auto numbers = find_account("1234:5678");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->user, 1234u);
  EXPECT_EQ(numbers->group, 5678u);
}

TEST(Privileges, WhoIsUnknownIsNamed) {
  EXPECT_EQ(find_account("no-such-user").error(), "server.run_as: there is no user 'no-such-user'");
  EXPECT_EQ(find_account("root:no-such-group").error(),
            "server.run_as: there is no group 'no-such-group'");
  EXPECT_FALSE(find_account("4294967295"));
  EXPECT_FALSE(find_account_or_nobody("no-such-user"));
}

TEST(Privileges, AFileCanBeMadeForTheAccountThatWillWriteIt) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const TemporaryDirectory directory;
  const Account account{65534, 65533, ""};
  ASSERT_TRUE(create_file_for(account, directory.path("log")));
  struct stat status{};
  ASSERT_EQ(::stat(directory.path("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534u);
  EXPECT_EQ(status.st_gid, 65533u);

  const std::string others = directory.write("others", "mine");
  ASSERT_EQ(::symlink(others.c_str(), directory.path("link").c_str()), 0);
  EXPECT_FALSE(create_file_for(account, others));
  EXPECT_FALSE(create_file_for(account, directory.path("link")));
  ASSERT_EQ(::stat(others.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
}

TEST(PrivilegesDeathTest, RootIsGivenUpForGood) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EXIT(
      {
        const auto dropped = drop_privileges({65534, 65534, "nobody"});
        const bool is_gone = dropped.has_value() && !is_root() && ::setuid(0) != 0;
        std::_Exit(is_gone ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Signals, EachHasItsMeaning) {
  auto signals = Signals::block();
  ASSERT_TRUE(signals);
  const std::pair<int, ServerSignal> meanings[] = {{SIGTERM, ServerSignal::stop},
                                                   {SIGINT, ServerSignal::stop},
                                                   {SIGHUP, ServerSignal::reload},
                                                   {SIGUSR1, ServerSignal::drain},
                                                   {SIGUSR2, ServerSignal::reload_certificates}};
  for (const auto& [number, meaning] : meanings) {
    ::pthread_kill(::pthread_self(), number);
    EXPECT_EQ(signals->wait(), meaning);
  }
  EXPECT_EQ(signals->wait(std::chrono::milliseconds(0)), std::nullopt);
}

TEST(Signals, ABrokenPipeEndsNothing) {
  auto signals = Signals::block();
  ASSERT_TRUE(signals);
  ::pthread_kill(::pthread_self(), SIGPIPE);
  EXPECT_EQ(signals->wait(std::chrono::milliseconds(0)), std::nullopt);
}

}  // namespace
}  // namespace uturn
