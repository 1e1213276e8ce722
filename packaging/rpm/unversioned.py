# Writes a shared library with the names and the soname of another, and without its symbol versions:
#
#   unversioned.py LIBRARY OUTPUT COMPILER
#
# What is linked with it runs with builds of that library that version their symbols in another way or
# not at all, as libcurl of Fedora and libcurl of Debian do.
import re
import subprocess
import sys
import tempfile

library, output, compiler = sys.argv[1:]


def printed(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


soname = re.search(r"SONAME.*\[(.+)\]", printed("readelf", "--dynamic", "--wide", library)).group(1)
names = re.findall(r"^\S+ T ([^@\s]+)", printed("nm", "--dynamic", "--defined-only", library),
                   re.MULTILINE)
with tempfile.NamedTemporaryFile("w", suffix=".s") as source:
    source.write(".text\n")
    for name in names:
        source.write(f".globl {name}\n.type {name}, @function\n{name}:\n")
    source.write('.section .note.GNU-stack,"",@progbits\n')
    source.flush()
    subprocess.run([compiler, "-shared", "-nostdlib", f"-Wl,-soname,{soname}", "-o", output,
                    source.name], check=True)
