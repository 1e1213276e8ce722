# Copies the libraries that Debian has as shared ones only, under names other distributions do not have:
#
#   private_libraries.py BINARY DIRECTORY
import os
import re
import shutil
import subprocess
import sys

PRIVATE = re.compile(r"lib(cpp-httplib|prometheus-cpp-\w+|civetweb\S*)\.so")

binary, directory = sys.argv[1:]
loaded = subprocess.run(["ldd", binary], check=True, stdout=subprocess.PIPE, text=True).stdout
for soname, path in re.findall(r"^\s*(\S+) => (/\S+)", loaded, re.MULTILINE):
    if PRIVATE.match(soname):
        os.makedirs(directory, exist_ok=True)
        target = os.path.join(directory, soname)
        shutil.copyfile(os.path.realpath(path), target)
        os.chmod(target, 0o755)
