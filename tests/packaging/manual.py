# The manual pages are well formed and complete: uturn(1) has every command and flag, uturn.yaml(5)
# every key.
import os
import re

import packages
from packages import ROOT, check, need, run

COMMON = {"--help", "-h"}


def plain(page):
    """The text of a page as it is read, hyphens as they are typed."""
    return run("mandoc", "-T", "utf8", "-O", "width=200", page).replace("\b", "\0")


def text_of(page):
    return re.sub(r".\0", "", plain(page)).replace("\u2010", "-").replace("\u2212", "-")


def test(options):
    need("mandoc")
    uturn_1 = os.path.join(ROOT, "packaging", "uturn.1")
    uturn_yaml_5 = os.path.join(options.build, "packaging", "made", "uturn.yaml.5")
    for page in (uturn_1, uturn_yaml_5):
        run("mandoc", "-T", "lint", "-W", "warning", page)

    said = text_of(uturn_1)
    commands = re.findall(r"^  uturn ([a-z][a-z-]*)", run(options.server, "help"), re.MULTILINE)
    check("serve" in commands, f"`uturn help` names no commands: {commands}")
    for command in dict.fromkeys(commands):
        check(re.search(rf"^ {{7}}{command}(?= |$)", said, re.MULTILINE),
              f"uturn(1) lacks the command {command}")
        if command == "help":
            continue
        flags = re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]*)", run(options.server, "help", command),
                           re.MULTILINE)
        missing = [flag for flag in flags
                   if flag not in COMMON and not re.search(rf"(?<![\w-]){flag}(?![\w-])", said)]
        check(not missing, f"uturn(1) lacks flags of uturn {command}: {missing}")

    keys = []
    for name in sorted(os.listdir(os.path.join(ROOT, "server"))):
        if re.fullmatch(r"config_(\w+_)?keys\.cc", name):
            with open(os.path.join(ROOT, "server", name), encoding="utf-8") as source:
                keys += re.findall(r"\.path = \"([a-z_.0-9]+)\"", source.read())
    check(len(keys) > 50, f"the keys were not found: {keys}")
    said = text_of(uturn_yaml_5)
    missing = [key for key in keys if not re.search(rf"^ +{re.escape(key)}(\s|$)", said, re.MULTILINE)]
    check(not missing, f"uturn.yaml(5) lacks {missing}")


packages.main(test)
