# The enumerations of protocol/ are the IANA registries: same values, same names, nothing missing.
import re

import tree

ENUMERATIONS = {
    "method": ("protocol/method.h", "Method"),
    "attribute": ("protocol/attribute_type.h", "AttributeType"),
    "error": ("protocol/error_code.h", "ErrorCode"),
}

# Our name where it is not the registered one in lower case with underscores.
RENAMED = {
    ("method", "CreatePermission"): "create_permission",
    ("method", "ChannelBind"): "channel_bind",
    ("method", "ConnectionBind"): "connection_bind",
    ("method", "ConnectionAttempt"): "connection_attempt",
    ("attribute", "ECN-CHECK STUN"): "ecn_check",
}


def enumerators(path, name):
    body = re.search(rf"enum class {name} : \w+ {{(.*?)}};", tree.read(path), re.DOTALL).group(1)
    return {int(value, 0): enumerator
            for enumerator, value in re.findall(r"(\w+) = (\w+),", body)}


def our_name(registry, name):
    return RENAMED.get((registry, name), re.sub(r"[^a-z0-9]+", "_", name.lower()))


findings, checked = [], 0
for registry, (path, name) in ENUMERATIONS.items():
    registered = {int(value, 0): registered_name
                  for kind, value, registered_name in tree.table("iana.tsv") if kind == registry}
    ours = enumerators(path, name)
    for value in sorted(registered.keys() | ours.keys()):
        checked += 1
        if value not in ours:
            findings.append(f"{path}: {registered[value]} ({value:#x}) is missing")
        elif value not in registered:
            findings.append(f"{path}: {ours[value]} ({value:#x}) is not registered")
        elif ours[value] != our_name(registry, registered[value]):
            findings.append(f"{path}: {value:#x} is {registered[value]}, not {ours[value]}")
assert checked > 70, "the registries were not found"
tree.report(findings, f"{checked} code points")
