# Includes go one way only, and the core asks nobody for time, randomness or sockets.
import re

import tree

VOCABULARY = {"protocol/bytes.h", "protocol/counter.h", "protocol/result.h", "protocol/time.h",
              "protocol/transport_address.h"}

# folder -> folders whose headers it may include, besides itself and the vocabulary
ARROWS = {
    "protocol": set(),
    "auth": {"protocol"},
    "server/relay": {"auth", "protocol"},
    "server/streams": {"server/relay", "auth", "protocol", "io"},
    "server/http": set(),
    "io": set(),
    "client/tools": {"client", "auth", "protocol", "io"},
    "client": {"auth", "protocol"},
    "server": {"server/relay", "server/streams", "server/http", "client", "client/tools", "auth",
               "protocol", "io"},
}

# System headers a folder must not see, whatever it does with them.
FORBIDDEN_HEADERS = {
    "core": r"<(thread|mutex|shared_mutex|condition_variable|atomic|iostream|fstream|random"
            r"|sys/socket\.h|sys/epoll\.h|liburing\.h|poll\.h|unistd\.h|spdlog/.*|yaml-cpp/.*)>",
    "io": r"<(spdlog/.*|yaml-cpp/.*|nlohmann/.*)>",
}
CORE = ("protocol", "auth", "server/relay", "server/streams", "client")

# Process-wide by design, touched by requests and never by a packet: quota counters, the bitmap of
# held relay ports.
SHARED_BY_SHARDS = {"auth/quota.h", "auth/quota.cc", "auth/rate.h", "server/relay/relay_ports.h",
                    "server/relay/relay_ports.cc"}

AMBIENT = {
    "a clock": r"::now\s*\(|\b(clock_gettime|gettimeofday|localtime|gmtime)(_r)?\s*\(|\bstd::time\s*\("
               r"|(?<![\w.>:])time\s*\(\s*(nullptr|NULL|0|&)",
    "randomness": r"\brandom_device\b|\bmt19937|(?<![\w.>:])s?rand(om)?\s*\(|\bgetrandom\s*\(|\bRAND_bytes",
    "a socket": r"(?<![\w.>:])(::)?(socket|bind|connect|recvfrom|recvmsg|recvmmsg|sendto|sendmsg"
                r"|sendmmsg|setsockopt|getsockopt|epoll_wait|poll)\s*\(\s*(AF_|PF_|fd|sock)",
    "a thread": r"\bstd::(thread|jthread|mutex|atomic|async)\b|\bpthread_",
    "the environment": r"\bgetenv\s*\(",
}
EXEMPT_CALLS = {("auth/random.cc", "randomness"),  # the CSPRNG behind the interface
                *((path, "a thread") for path in SHARED_BY_SHARDS)}


def folder_of(path):
    return next((folder for folder in sorted(ARROWS, key=len, reverse=True)
                 if path.startswith(folder + "/")), None)


def include_findings(path):
    folder = folder_of(path)
    for header in tree.includes(path):
        target = folder_of(header)
        if target is None:
            yield f"{path}: includes \"{header}\", which belongs to no folder of the house"
        elif target != folder and header not in VOCABULARY and target not in ARROWS[folder]:
            yield f"{path}: {folder} must not include \"{header}\""


def is_core(path):
    return folder_of(path) in CORE


def core_findings(path):
    code = tree.without_comments_and_strings(tree.read(path))
    pattern = FORBIDDEN_HEADERS["core"]
    for header in re.findall(r"^#include (<[^>]+>)", code, re.MULTILINE):
        if re.fullmatch(pattern, header) and path not in SHARED_BY_SHARDS:
            yield f"{path}: the core includes {header}"
    for what, pattern in AMBIENT.items():
        for match in re.finditer(pattern, code):
            if (path, what) not in EXEMPT_CALLS:
                yield f"{path}: the core asks for {what}: {match.group(0)!r}"


def io_findings(path):
    for header in re.findall(r"^#include (<[^>]+>)", tree.read(path), re.MULTILINE):
        if re.fullmatch(FORBIDDEN_HEADERS["io"], header):
            yield f"{path}: io includes {header}"


findings, checked = [], 0
for top in ("protocol", "auth", "io", "client", "server"):
    for path in tree.sources(top):
        checked += 1
        findings += include_findings(path)
        if is_core(path):
            findings += core_findings(path)
        if folder_of(path) == "io":
            findings += io_findings(path)
assert checked > 50, "the tree was not found"
tree.report(findings, f"arrows and ambient calls of {checked} files")
