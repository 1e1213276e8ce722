# On a Debian with nothing on it the package is installed, started as its unit says, given a renewed
# certificate, upgraded, removed and purged.
import ctypes
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import packages
import unit as unit_file
from packages import ROOT, check, need, run, skip
from processes import Process, wait_until

UNIT = os.path.join(ROOT, "packaging", "systemd", "uturn.service")
AS_UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "as_unit.py")
CONFIGURATION = "etc/uturn/uturn.yaml"
PASSWORD = "a word kept in the conffile"
# Download included; a slower mirror is none.
MOST_SECONDS = 420
PROBE = ("uturn", "probe", "turn:127.0.0.1", "--user", "alice", "--password", PASSWORD)


def debian_sources():
    """Debian's own archives, as this machine reaches them."""
    said = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(CODENAME)")
    found = sorted({tuple(line.split("|")[1:3]) for line in said.splitlines()
                    if line.startswith("Debian|")})
    if not found:
        skip("this machine's apt knows no archive of Debian")
    return [f"deb {uri} {release} main" for uri, release in found]


def make_root(root, deb):
    """A Debian of what is essential and what the package depends on."""
    with open("/etc/os-release") as lines:
        codename = re.search(r"^VERSION_CODENAME=(\w+)", lines.read(), re.MULTILINE)
    if not codename:
        skip("this is no Debian release")
    depends = run("dpkg-deb", "--field", deb, "Depends", "Pre-Depends")
    names = [alternatives.split("|")[0].split("(")[0].strip()
             for alternatives in re.sub(r"^[A-Za-z-]+:", ",", depends, flags=re.MULTILINE).split(",")]
    wanted = {name for name in names if name and name != "systemd"}
    wanted |= {"systemd-standalone-sysusers", "systemd-standalone-tmpfiles"}
    command = ["mmdebstrap", "--mode=root", "--variant=essential", "--dpkgopt=force-unsafe-io",
               "--dpkgopt=path-exclude=/usr/share/doc/*", f"--include={','.join(sorted(wanted))}"]
    proxy = re.search(r'"(.+)"', run("apt-config", "dump", "Acquire::http::Proxy"))
    if proxy:
        command.append(f'--aptopt=Acquire::http::Proxy "{proxy.group(1)}"')
    command += [codename.group(1), root, *debian_sources()]
    # In a mount namespace of its own, which takes what is mounted in the root along.
    log = os.path.join(os.path.dirname(root), "mmdebstrap.log")
    with Process(["unshare", "--mount", *command], log) as process:
        status = process.wait(MOST_SECONDS)
        said = process.output()
    if status is None:
        skip(f"Debian's packages are not here within {MOST_SECONDS} s")
    if status != 0:
        unreachable = re.search(r"(Temporary failure resolving|Could not resolve|Could not connect|"
                                r"Failed to fetch|Unable to connect|Connection timed out)[^\n]*",
                                said)
        if unreachable:
            skip(f"Debian's packages cannot be reached: {unreachable.group(0)}")
        check(False, f"mmdebstrap:\n{said[-3000:]}")


class Machine:
    """The root, and what is asked of it."""

    def __init__(self, root):
        self.root = root

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def run(self, *command, status=0):
        done = subprocess.run(["chroot", self.root, *command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                                   "DEBIAN_FRONTEND": "noninteractive",
                                   "RENEWED_LINEAGE": "/etc/letsencrypt/live/turn.example",
                                   "ASAN_OPTIONS": "detect_leaks=0"})
        check(done.returncode == status,
              f"{' '.join(command)}: status {done.returncode}, not {status}\n{done.stdout}")
        return done.stdout

    def read(self, path):
        with open(self.path(path), "rb") as file:
            return file.read()

    def owner_and_mode(self, path):
        return self.run("stat", "--format", "%U:%G %a", path).strip()


def check_installed(machine, deb):
    shutil.copy(deb, machine.path("/tmp/uturn.deb"))
    machine.run("dpkg", "--install", "/tmp/uturn.deb")
    for path, expected in {"/etc/uturn/uturn.yaml": "root:uturn 640", "/etc/uturn/tls": "root:uturn 750",
                           "/usr/bin/uturn": "root:root 755"}.items():
        found = machine.owner_and_mode(path)
        check(found == expected, f"{path} is {found}, not {expected}")
    said = machine.run("uturn", "check", "/etc/uturn/uturn.yaml", status=2)
    check("auth" in said, f"an untouched configuration does not lack somebody who may log in:\n{said}")
    check(not os.path.exists(machine.path("/etc/systemd/system/multi-user.target.wants/uturn.service")),
          "being installed enabled the service, which nobody has configured")


def configure(machine):
    """As an administrator does: with an editor, in the file that the package brought."""
    text = machine.read(CONFIGURATION).decode()
    for section, key, value in (("auth", "users", '{alice: {password: "%s"}}' % PASSWORD),
                                ("relay", "addresses", "[127.0.0.1]"),
                                ("peers", "allow", "[127.0.0.1]"),
                                ("tls", "certificate", "/etc/uturn/tls/fullchain.pem"),
                                ("tls", "key", "/etc/uturn/tls/privkey.pem")):
        text, found = re.subn(rf"^({section}:\n(?:[ #].*\n|\n)*?  {key}:) [^#\n]*", rf"\1 {value}  ",
                              text, count=1, flags=re.MULTILINE)
        check(found, f"the configuration lacks {section}.{key}")
    with open(machine.path(CONFIGURATION), "w") as file:
        file.write(text)
    machine.run("uturn", "check", "/etc/uturn/uturn.yaml")


class Service:
    """The unit's command under the unit's rules, its root read-only but for the unit's directories."""

    def __init__(self, machine, directory):
        unit = unit_file.settings(UNIT)
        account = machine.run("id", "-u", unit["User"]).strip()
        writable = []
        for setting, parent in (("StateDirectory", "var/lib"), ("RuntimeDirectory", "run"),
                                ("LogsDirectory", "var/log")):
            path = machine.path(os.path.join(parent, unit[setting]))
            os.makedirs(path, exist_ok=True)
            os.chmod(path, int(unit[setting + "Mode"], 8))
            os.chown(path, int(account), int(machine.run("id", "-g", unit["User"])))
            writable.append(path)
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify = os.path.join("run", "notify")
        self._notified.bind(machine.path(notify))
        os.chmod(machine.path(notify), 0o666)
        self._notified.setblocking(False)
        self.told = []

        quoted = shlex.quote
        script = [f"mount --rbind {quoted(machine.root)} {quoted(machine.root)}"]
        script += [f"mount --bind {quoted(path)} {quoted(path)}" for path in writable]
        script += [f"mount -t tmpfs tmpfs {quoted(machine.path('/tmp'))}",
                   f"mount -o remount,bind,ro {quoted(machine.root)}",
                   f"exec {quoted(sys.executable)} {quoted(AS_UNIT)} {quoted(UNIT)} "
                   f"{quoted(machine.root)} NOTIFY_SOCKET=/{notify} WATCHDOG_USEC=2000000 "
                   "ASAN_OPTIONS=detect_leaks=0"]
        self._process = Process(["unshare", "--mount", "sh", "-euc", "\n".join(script)],
                                os.path.join(directory, "log"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._notified.close()

    def notifications(self):
        while True:
            try:
                self.told += self._notified.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.told

    def log(self):
        return self._process.output()

    def wait_until_ready(self):
        """As systemd is told: READY=1, and WATCHDOG=1 from then on."""
        for word in ("READY=1", "WATCHDOG=1"):
            wait_until(lambda: word in self.notifications() or self._process.has_ended(), 60,
                       f"the service's {word}")
        check(not self._process.has_ended(), f"the service did not start:\n{self.log()}")

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        status = self._process.terminate(30)
        check(status == 0, f"the service ended with {status}:\n{self.log()}")


def status_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def check_serving(machine, service):
    service.wait_until_ready()
    status = status_of(service.pid)
    check(status["CapEff"].strip() == f"{1 << 10:016x}", f"its capabilities are {status['CapEff']}")
    check(status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1",
          "it does not run under the filter")
    check("0" not in status["Uid"].split(), "it runs as root")
    machine.run(*PROBE)
    if kernel_has_io_uring():
        check("io=io_uring" in service.log(), f"the unit keeps io_uring away:\n{service.log()}")


def kernel_has_io_uring():
    """Whether root may have a ring here, outside of any unit."""
    parameters = ctypes.create_string_buffer(120)
    descriptor = ctypes.CDLL(None).syscall(425, 8, parameters)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def make_certificate(machine, name):
    lineage = machine.path("/etc/letsencrypt/live/turn.example")
    os.makedirs(lineage, mode=0o700, exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
        "-keyout", os.path.join(lineage, "privkey.pem"), "-out", os.path.join(lineage, "fullchain.pem"))


def renew(machine, name):
    """As certbot does: its own copy, then the hook. The service's copy is whole and under its rights."""
    make_certificate(machine, name)
    machine.run("/usr/libexec/uturn/certbot-deploy-hook")
    for file in ("fullchain.pem", "privkey.pem"):
        path = f"/etc/uturn/tls/{file}"
        check(machine.read(path) == machine.read(f"/etc/letsencrypt/live/turn.example/{file}"),
              f"{path} is not what was renewed")
        check(machine.owner_and_mode(path) == "root:uturn 640", f"{path} is open or closed to the wrong")
    check(sorted(os.listdir(machine.path("/etc/uturn/tls"))) == ["fullchain.pem", "privkey.pem"],
          "the hook left something behind")


def served_certificate():
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:3478"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = re.search(r"^subject=.*CN = (\S+)", done.stdout, re.MULTILINE)
    return found and found.group(1)


def check_renewal(machine, service):
    """A certificate that is renewed while the service runs is the one it serves, without a restart."""
    check(served_certificate() == "first.example", f"it serves {served_certificate()}")
    renew(machine, "renewed.example")
    os.kill(service.pid, signal.SIGUSR2)  # systemctl does in the hook, where there is systemd
    wait_until(lambda: served_certificate() == "renewed.example", 30, "the renewed certificate")
    machine.run("/usr/libexec/uturn/certbot-deploy-hook", "../elsewhere", status=2)


def check_upgraded(machine, directory):
    """The next version brings another configuration; the administrator's stays, to the byte."""
    edited = machine.read(CONFIGURATION)
    unpacked = os.path.join(directory, "next")
    run("dpkg-deb", "--raw-extract", machine.path("/tmp/uturn.deb"), unpacked)
    for path, old, new in (("DEBIAN/control", r"(?m)^Version: .*$", "Version: 9.9-1"),
                           (CONFIGURATION, r"\Z", "# of the next version\n")):
        with open(os.path.join(unpacked, path)) as file:
            text = file.read()
        with open(os.path.join(unpacked, path), "w") as file:
            file.write(re.sub(old, new, text, count=1))
    run("dpkg-deb", "--build", "-Znone", unpacked, machine.path("/tmp/next.deb"))
    machine.run("dpkg", "--force-confdef", "--force-confold", "--install", "/tmp/next.deb")
    check(machine.run("dpkg-query", "--show", "--showformat=${Version}", "uturn") == "9.9-1",
          "it was not upgraded")
    check(machine.read(CONFIGURATION) == edited, "the upgrade rewrote the configuration")
    check(machine.owner_and_mode("/etc/uturn/uturn.yaml") == "root:uturn 640",
          "the upgrade changed whom the configuration belongs to")


def check_gone(machine):
    machine.run("dpkg", "--remove", "uturn")
    check(not os.path.exists(machine.path("/usr/bin/uturn")), "the program outlived its removal")
    check(os.path.exists(machine.path(CONFIGURATION)), "the removal took the configuration along")
    machine.run("dpkg", "--purge", "uturn")
    left = [path for path in ("/etc/uturn", "/var/lib/uturn", "/var/log/uturn", "/etc/logrotate.d/uturn")
            if os.path.exists(machine.path(path))]
    check(not left, f"the purge left {left}")


def check_machine(machine, deb, directory):
    check_installed(machine, deb)
    renew(machine, "first.example")
    configure(machine)
    with Service(machine, directory) as service:
        check_serving(machine, service)
        check_renewal(machine, service)
        service.stop()
    check_upgraded(machine, directory)
    check_gone(machine)


def test(options):
    need("mmdebstrap", "unshare", "setpriv", "openssl", "systemd-analyze", "ip")
    if os.geteuid() != 0:
        skip("needs root")
    if not os.environ.get("UTURN_OWN_NETWORK"):
        # The service's ports are fixed: it has a network of its own, made by running this once more.
        deb = packages.package(options.build, "deb")
        with tempfile.TemporaryDirectory(prefix="uturn-root-", ignore_cleanup_errors=True) as directory:
            os.chmod(directory, 0o755)
            make_root(os.path.join(directory, "root"), deb)
            done = subprocess.run(["unshare", "--mount", "--net", sys.executable, *sys.argv],
                                  env={**os.environ, "UTURN_OWN_NETWORK": directory})
            sys.exit(done.returncode)
    directory = os.environ["UTURN_OWN_NETWORK"]
    run("ip", "link", "set", "lo", "up")
    machine = Machine(os.path.join(directory, "root"))
    run("mount", "-t", "proc", "proc", machine.path("/proc"))
    for device in ("null", "urandom"):
        if not os.path.exists(machine.path(f"/dev/{device}")):
            run("cp", "-a", f"/dev/{device}", machine.path(f"/dev/{device}"))
    check_machine(machine, packages.package(options.build, "deb"), directory)


packages.main(test)
