# bash and zsh offer every command and every flag that the program has, and the values that may be chosen.
import os
import re
import subprocess
import tempfile

import packages
from packages import check, need, run

BASH = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_uturn
printf '%s\n' "${COMPREPLY[@]}"
"""


def offered_by_bash(script, *words):
    return run("bash", "-c", BASH, "bash", script, *words).split()


def flags_of(server, command):
    return re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]*)", run(server, "help", command), re.MULTILINE)


def commands_of(server):
    found = re.findall(r"^  uturn ([a-z][a-z-]*)", run(server, "help"), re.MULTILINE)
    return list(dict.fromkeys(found))


def check_bash(options, commands):
    script = os.path.join(options.build, "packaging", "made", "completion.bash")
    offered = offered_by_bash(script, "uturn", "")
    check(set(commands) <= set(offered), f"bash does not offer {set(commands) - set(offered)}")
    check(offered_by_bash(script, "uturn", "ser") == ["serve"], "uturn ser<Tab> is not serve")
    for command in commands:
        if command == "help":
            continue
        offered = offered_by_bash(script, "uturn", command, "--")
        flags = set(flags_of(options.server, command))
        check(flags == set(offered), f"bash offers {offered} for {command}, which has {flags}")
    check(offered_by_bash(script, "uturn", "serve", "--io", "") == ["auto", "uring", "epoll"],
          "uturn serve --io <Tab> does not offer the three loops")
    check("serve" in offered_by_bash(script, "uturn", "help", ""), "uturn help <Tab> lacks serve")
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "turn.yaml")
        open(file, "w").close()
        for words in (("check",), ("serve", "-c")):
            check(offered_by_bash(script, "uturn", *words, directory + "/t") == [file],
                  f"uturn {words} <Tab> does not offer files")


# _arguments and _describe of zsh do the offering; here they say what they were asked to offer.
ZSH_ASKED = r"""
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- "${(@P)2}" }
compdef() { }
words=("${@[2,-1]}"); CURRENT=$#words
source $1
"""


def asked_of_zsh(file, *words):
    done = subprocess.run(["zsh", "-f", "-c", ZSH_ASKED, "zsh", file, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, f"zsh cannot read its completion:\n{done.stdout}")
    return done.stdout.splitlines()


def check_zsh(options, commands):
    file = os.path.join(options.build, "packaging", "made", "completion.zsh")
    offered = [line.split(":")[0] for line in asked_of_zsh(file, "uturn", "")]
    check(offered == commands, f"zsh offers {offered}, not {commands}")
    for command in commands:
        if command == "help":
            continue
        specs = asked_of_zsh(file, "uturn", command, "")
        offered = [found.group(1) for spec in specs
                   if (found := re.match(r"\*?(--[a-z-]+)\[.*\]", spec))]
        check(offered == flags_of(options.server, command),
              f"zsh offers {offered} for {command}, not {flags_of(options.server, command)}")


def test(options):
    commands = commands_of(options.server)
    check("serve" in commands, f"`uturn help` names no commands: {commands}")
    check_bash(options, commands)
    need("zsh")
    check_zsh(options, commands)


packages.main(test)
