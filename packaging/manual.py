# Writes uturn.yaml(5) from the comments of etc/uturn.yaml:
#
#   manual.py YAML VERSION DATE > uturn.yaml.5
#
# Comments above a key, and the one behind its value, say what it is for; an unindented comment that an
# empty line separates from the first key is the introduction.
import re
import sys

KEY = re.compile(r"^( *)([a-z_0-9]+):(?:\s+(.*))?$")
HEAD = """.\\" Written by packaging/manual.py from etc/uturn.yaml.
.TH UTURN.YAML 5 "{date}" "uturn {version}" "File Formats"
.SH NAME
uturn.yaml \\- configuration of the STUN and TURN server uturn
.SH SYNOPSIS
.I /etc/uturn/uturn.yaml
.SH DESCRIPTION
"""
FOOT = """.SH FILES
.TP
.I /etc/uturn/uturn.yaml
What the packaged service reads; every key stands in it with its default.
.TP
.I /etc/uturn/tls
Certificates and keys, readable by the service.
.SH SEE ALSO
.BR uturn (1)
"""


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def split_comment(text):
    """A value and the comment behind it; a # within quotes or inside a word is no comment."""
    quoted = False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "#" and not quoted and (at == 0 or text[at - 1] == " "):
            return text[:at].rstrip(), text[at + 1:].strip()
    return text.strip(), ""


def entries(lines):
    """("text", comment) and ("key", path, depth, value, comment), in the order of the file."""
    path, comments = [], []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(stripped[1:].removeprefix(" "))
            continue
        found = KEY.match(line)
        if not found:
            if comments:
                yield ("text", comments)
            comments = []
            continue
        depth = len(found.group(1)) // 2
        path[depth:] = [found.group(2)]
        value, behind = split_comment(found.group(3) or "")
        yield ("key", ".".join(path), depth, value, comments + ([behind] if behind else []))
        comments = []


def paragraphs(comments):
    """Running text; lines that are indented stand as they are."""
    for comment in comments:
        if comment.startswith("  "):
            yield f".br\n.B {escape(comment.strip())}\n.br"
        elif comment:
            yield escape(comment)
        else:
            yield ".PP"


def render(lines):
    for entry in entries(lines):
        if entry[0] == "text":
            text = "\n".join(paragraphs(entry[1]))
            yield re.sub(r"\.br\n(?=\.(br|PP))", "", re.sub(r"\.PP\n\.br\n", ".PP\n", text))
            continue
        _, path, depth, value, comments = entry
        said = "\n".join(escape(comment.strip()) for comment in comments if comment.strip())
        if depth == 0:
            yield f".SH {path.upper()}"
            if said:
                yield said
            if not value:
                continue
        elif depth > 0 and not value and not said:
            continue
        yield f".TP\n.B {escape(path)}"
        if value:
            yield f"Default:\n.I {quoted(escape(value))}"
        if depth > 0 and said:
            yield (".br\n" if value else "") + said


def quoted(value):
    """As one argument of a macro."""
    return '"' + value.replace('"', "\\(dq") + '"'


def joined(text):
    """Lists that begin below their key or go on in further lines, on one line."""
    text = re.sub(r"^( *[a-z_0-9]+:)\n +(?=[\[{])", r"\1 ", text, flags=re.MULTILINE)
    return re.sub(r"(?<=,)\n +(?=[^#\s])", " ", text)


def main():
    file, version, date = sys.argv[1:]
    with open(file, encoding="utf-8") as lines:
        body = "\n".join(render(joined(lines.read()).splitlines()))
    sys.stdout.write(HEAD.format(version=version, date=date) + body + "\n" + FOOT)


if __name__ == "__main__":
    main()
