// Seccomp filters and network namespaces belong to threads.
#include "tests/threads/refusing_kernel.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <thread>

namespace uturn {
namespace {

bool bring_loopback_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const bool is_up = fd >= 0 && ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return is_up;
}

bool refuse(const std::vector<Refusal>& refusals) {
  std::vector<sock_filter> filter;
  const auto load = [&](size_t offset) {
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  };
  for (const Refusal& refusal : refusals) {
    load(offsetof(seccomp_data, nr));
    const uint8_t past = refusal.first_argument ? 3 : 1;
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refusal.call, 0, past));
    if (refusal.first_argument) {
      load(offsetof(seccomp_data, args));  // the low half, on the little-endian machines we test on
      filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, *refusal.first_argument, 0, 1));
    }
    filter.push_back(
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(refusal.error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

bool run_refused(const std::vector<Refusal>& refusals, const std::function<void()>& body) {
  bool had = false;
  std::thread([&] {
    had = ::unshare(CLONE_NEWNET) == 0 && bring_loopback_up() && refuse(refusals);
    if (had) body();
  }).join();
  return had;
}

}  // namespace uturn
