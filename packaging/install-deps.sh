#!/bin/bash
# Installs the Debian packages that building uturn needs; --tests adds what its tests need, --bench
# what measuring it beside coturn needs, --package what making the .deb and the .rpm needs.
#
#   packaging/install-deps.sh [--tests] [--bench] [--package]
#
# May be run at any time: when nothing is missing it asks dpkg and returns. Packages that bring a
# daemon (coturn, haproxy, nginx, prometheus, databases) are installed under a policy-rc.d that forbids starting it, and what
# was not there before does not start at the next boot either; tests start their own.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache pkg-config make
  liburing-dev libssl-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libcurl4-openssl-dev zlib1g-dev libsqlite3-dev libpq-dev libmariadb-dev libhiredis-dev libboost-dev
  prometheus-cpp-dev libsystemd-dev libutf8proc-dev
)
test_packages=(
  libgtest-dev libgmock-dev
  clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev
  coturn iproute2 nftables tcpdump openssl python3 curl tmux prometheus
  postgresql mariadb-server mariadb-client redis-server sqlite3 util-linux fail2ban
)
bench_packages=(
  libbenchmark-dev coturn gnuplot-nox iproute2 ethtool util-linux valgrind python3
)
package_packages=(dpkg-dev rpm libhiredis-dev file python3)
# What packages are looked at with, and the machine without anything that they are installed on.
package_test_packages=(lintian rpmlint mandoc zsh systemd mmdebstrap cpio)
# Few tests need them, and are skipped where they cannot be had.
optional_packages=(chromium libnss3-tools haproxy nginx libnginx-mod-stream)
daemons=(coturn haproxy nginx prometheus postgresql mariadb-server redis-server fail2ban)

wanted=("${build_packages[@]}")
optional=()
for flag in "$@"; do
  case "$flag" in
    --tests)
      wanted+=("${test_packages[@]}" "${package_packages[@]}" "${package_test_packages[@]}")
      optional=("${optional_packages[@]}")
      # Node may come from elsewhere, and then Debian's would conflict with it.
      command -v node >/dev/null || wanted+=(nodejs)
      command -v npm >/dev/null || wanted+=(npm)
      ;;
    --bench)
      wanted+=("${bench_packages[@]}")
      ;;
    --package)
      wanted+=("${package_packages[@]}")
      ;;
    *)
      echo "usage: $0 [--tests] [--bench] [--package]" >&2
      exit 2
      ;;
  esac
done

is_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
missing_optional=()
for package in "${optional[@]}"; do
  is_installed "$package" || missing_optional+=("$package")
done
((${#missing[@]} + ${#missing_optional[@]})) || exit 0
new_daemons=()
for daemon in "${daemons[@]}"; do
  [[ " ${missing[*]} ${missing_optional[*]} " != *" $daemon "* ]] || new_daemons+=("$daemon")
done

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "$0: root or sudo is needed to install: ${missing[*]} ${missing_optional[*]}" >&2
    ((${#missing[@]} == 0)) && exit 0
    exit 1
  fi
  as_root=(sudo)
fi

# No daemon starts while we install (invoke-rc.d(8) asks policy-rc.d; 101 forbids). A machine whose
# own rule forbids it already is left alone; any other rule is put back afterwards.
policy=/usr/sbin/policy-rc.d
forbids_start() {
  local status=0
  "$policy" coturn start >/dev/null 2>&1 || status=$?
  ((status == 101))
}
if ! forbids_start; then
  saved=
  if [[ -e "$policy" || -L "$policy" ]]; then
    saved="$policy.before-uturn"
    "${as_root[@]}" mv "$policy" "$saved"
  fi
  restore() {
    "${as_root[@]}" rm -f "$policy"
    if [[ -n "$saved" ]]; then "${as_root[@]}" mv "$saved" "$policy"; fi
  }
  trap restore EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 0755 "$policy"
fi

echo "installing: ${missing[*]} ${missing_optional[*]}"
apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
"${apt_get[@]}" update || ((${#missing[@]} == 0))
if ((${#missing[@]})); then
  "${apt_get[@]}" install -y --no-install-recommends "${missing[@]}"
fi
for package in "${missing_optional[@]}"; do
  "${apt_get[@]}" install -y --no-install-recommends "$package" ||
    echo "$0: $package cannot be installed; the tests that need it are skipped" >&2
done

# Debian enables what it installs: coturn would take port 3478 at the next boot. update-rc.d(8)
# disables for every init system. A daemon that somebody installed before is theirs and stays as is.
for daemon in "${new_daemons[@]}"; do
  is_installed "$daemon" || continue
  "${as_root[@]}" update-rc.d "${daemon/mariadb-server/mariadb}" disable ||
    echo "$0: $daemon could not be disabled and may start at the next boot" >&2
done
