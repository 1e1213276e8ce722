// NetworkNamespace: a visit by name, and what people are told where there can be none.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "client/tools/bench/network_namespace.h"

namespace uturn {
namespace {

std::string where_we_are() {
  std::string link(64, '\0');
  const ssize_t size = ::readlink("/proc/thread-self/ns/net", link.data(), link.size());
  link.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return link;
}

/// A namespace with a name of this process, made as ip-netns(8) makes them; needs root.
class NamedNamespace {
 public:
  NamedNamespace() {
    ::mkdir("/run/netns", 0755);
    ::close(::open(path_.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    std::thread{[this] {  // the namespace of a thread that ends stays while it is mounted
      exists_ = ::unshare(CLONE_NEWNET) == 0 &&
                ::mount("/proc/thread-self/ns/net", path_.c_str(), nullptr, MS_BIND, nullptr) == 0;
    }}
        .join();
  }
  ~NamedNamespace() {
    ::umount2(path_.c_str(), MNT_DETACH);
    ::unlink(path_.c_str());
  }
  bool exists() const { return exists_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "uturn-test-" + std::to_string(::getpid());
  std::string path_ = "/run/netns/" + name_;
  bool exists_ = false;
};

TEST(NetworkNamespace, TheVisitEndsWhereItBegan) {
  const NamedNamespace there;
  if (!there.exists()) GTEST_SKIP() << "making a network namespace takes root";
  const std::string home = where_we_are();
  {
    const auto visit = NetworkNamespace::enter(there.name());
    ASSERT_TRUE(visit.has_value()) << visit.error();
    EXPECT_NE(where_we_are(), home);
  }
  EXPECT_EQ(where_we_are(), home);
}

TEST(NetworkNamespace, OnlyTheCallingThreadGoes) {
  const NamedNamespace there;
  if (!there.exists()) GTEST_SKIP() << "making a network namespace takes root";
  const std::string home = where_we_are();
  std::thread{[&there, &home] {
    const auto visit = NetworkNamespace::enter(there.name());
    ASSERT_TRUE(visit.has_value()) << visit.error();
    EXPECT_NE(where_we_are(), home);
  }}.join();
  EXPECT_EQ(where_we_are(), home);
}

TEST(NetworkNamespace, ANameThatDoesNotExistIsNamed) {
  const auto visit = NetworkNamespace::enter("uturn-nowhere");
  ASSERT_FALSE(visit.has_value());
  EXPECT_EQ(visit.error(), "there is no network namespace \"uturn-nowhere\" (see ip netns list)");
}

TEST(NetworkNamespace, APathIsNoName) {
  for (const char* name : {"", "../self/ns/net", "/proc/self/ns/net"}) {
    const auto visit = NetworkNamespace::enter(name);
    ASSERT_FALSE(visit.has_value());
    EXPECT_EQ(visit.error(), "\"" + std::string{name} + "\" is no name of a network namespace");
  }
}

}  // namespace
}  // namespace uturn
