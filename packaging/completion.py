# Writes the completion of a shell from what the program says of itself (`uturn help`):
#
#   completion.py BINARY bash|zsh > FILE
import re
import subprocess
import sys

OPTION = re.compile(r"^  (?:(-\w),)?(--[a-z][a-z-]*)((?: \S+)*?)(?:  +(\S.*)|\s*)$")
CHOICES = re.compile(r"^[a-z0-9][a-z0-9.-]*(\|[a-z0-9][a-z0-9.-]*)+$")
FILES = {"FILE", "PATH"}


def said(binary, *arguments):
    return subprocess.run([binary, *arguments], check=True, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True).stdout


def commands(binary):
    """name -> (description, words of its synopsis that are to be chosen from)."""
    found = {}
    lines = said(binary, "help").splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        synopsis = re.match(r"^  uturn ([a-z][a-z-]*)(.*)$", line)
        if synopsis:
            name, rest = synopsis.groups()
            words = [word for word in rest.split() if CHOICES.match(word)][:1]
            if name in found:
                found[name][1].extend(re.match(r"^ ([a-z-]+)\b", rest).groups()
                                      if re.match(r"^ [a-z-]+\b", rest) else [])
            else:
                first = re.match(r"^ ([a-z-]+)(?: |$)", rest)
                found[name] = (following.strip(), words[0].split("|") if words else
                               [first.group(1)] if first else [])
    return found


def options(binary, command):
    """(short, long, value, description, whether it may be repeated) of each option of a command."""
    lines = said(binary, "help", command).splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        found = OPTION.match(line)
        if found:
            short, name, value, description = found.groups()
            repeatable = " ..." in value
            value = re.sub(r":(INT|UINT|FLOAT|TEXT|NUMBER)\b.*| \.\.\.| REQUIRED", "", value).strip()
            if not description and following.startswith(" " * 10):
                description = following.strip()
            yield short, name, value, description or "", repeatable


def described(binary):
    return {name: (about, words, list(options(binary, name)) if name != "help" else [])
            for name, (about, words) in commands(binary).items()}


BASH = """# bash completion for uturn, written by packaging/completion.py.
_uturn() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command=${{COMP_WORDS[1]}} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "{names} --version --help" -- "$current")
    return
  fi
  case "$command $previous" in
{values}
  esac
  case "$command" in
{flags}
  esac
  if [[ $current != -* ]]; then
    case "$command" in
{arguments}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _uturn uturn
"""
BASH_FILES = ('compopt -o filenames 2>/dev/null; '
              'mapfile -t COMPREPLY < <(compgen {how} -- "$current"); return')


def bash(program):
    values, flags, arguments = [], [], []
    for command, (_, words, found) in program.items():
        everything = []
        for short, name, value, _, _ in found:
            everything += [name] if short is None else [short, name]
            pattern = "|".join(f'"{command} {flag}"' for flag in (short, name) if flag)
            if CHOICES.match(value):
                chosen = value.replace("|", " ")
                values.append(f'    {pattern}) mapfile -t COMPREPLY < '
                              f'<(compgen -W "{chosen}" -- "$current"); return ;;')
            elif value in FILES:
                values.append(f"    {pattern}) {BASH_FILES.format(how='-f')} ;;")
            elif value == "DIR":
                values.append(f"    {pattern}) {BASH_FILES.format(how='-d')} ;;")
            elif value:
                values.append(f"    {pattern}) return ;;")
        flags.append(f'    {command}) words="{" ".join(everything)}" ;;')
        if command == "check":
            arguments.append(f"      {command}) {BASH_FILES.format(how='-f')} ;;")
        elif command == "help":
            arguments.append(f'      {command}) words="{" ".join(program)}" ;;')
        elif words:
            arguments.append(f'      {command}) ((COMP_CWORD == 2)) && words="{" ".join(words)}" ;;')
    return BASH.format(names=" ".join(program), values="\n".join(values), flags="\n".join(flags),
                       arguments="\n".join(arguments))


ZSH = """#compdef uturn
# zsh completion for uturn, written by packaging/completion.py.
_uturn() {{
  local -a commands
  commands=(
{names}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  case $words[2] in
{cases}
  esac
}}
_uturn_arguments() {{
  words=("${{(@)words[2,-1]}}")
  ((CURRENT--))
  _arguments "$@"
}}
_uturn "$@"
"""


def zsh_text(text):
    """Within single quotes, and within the brackets of _arguments."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh(program):
    names = [f"    '{name}:{zsh_text(about)}'" for name, (about, _, _) in program.items()]
    cases = []
    for command, (_, words, found) in program.items():
        specs = []
        for short, name, value, description, repeatable in found:
            action = ""
            if CHOICES.match(value):
                action = f":value:({value.replace('|', ' ')})"
            elif value in FILES:
                action = ":file:_files"
            elif value == "DIR":
                action = ":directory:_directories"
            elif value:
                action = f":{zsh_text(value)}:"
            both = f"{{{short},{name}}}" if short else f"'*'{name}" if repeatable else name
            specs.append(f"{both}'[{zsh_text(description)}]{action}'")
        if command == "check":
            specs.append("':file:_files'")
        elif command == "help":
            specs.append(f"':command:({' '.join(program)})'")
        elif words:
            specs.append(f"':action:({' '.join(words)})'")
        lines = " \\\n        ".join(["_uturn_arguments", *specs])
        cases.append(f"    {command})\n      {lines}\n      ;;")
    return ZSH.format(names="\n".join(names), cases="\n".join(cases))


if __name__ == "__main__":
    binary, shell = sys.argv[1:]
    sys.stdout.write({"bash": bash, "zsh": zsh}[shell](described(binary)))
