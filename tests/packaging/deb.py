# The .deb: what lintian says of it, whom it depends on, and that its conffiles are what it says.
import re

import packages
from packages import check, need, run

CONFFILES = {"/etc/uturn/uturn.yaml", "/etc/fail2ban/filter.d/uturn.conf",
             "/etc/logrotate.d/uturn", "/etc/ufw/applications.d/uturn"}
# A sanitized build is neither hardened nor linked as the one of `make package`.
OF_THE_BUILD = "hardening-no-pie,hardening-no-bindnow,hardening-no-relro,hardening-no-fortify-functions"


def test(options):
    need("lintian", "dpkg-deb")
    deb = packages.package(options.build, "deb")
    ignored = ["--suppress-tags", OF_THE_BUILD] if packages.is_sanitized(options.server) else []
    # As root lintian says that it should not be.
    said = [line for line in run("lintian", "--fail-on", "error,warning",
                                 *ignored, deb).splitlines()
            if not line.startswith(("running with root", "N:"))]
    check(not said, "lintian: " + "\n".join(said))

    conffiles = set(run("dpkg-deb", "--info", deb, "conffiles").split())
    check(conffiles == CONFFILES, f"conffiles are {conffiles}")
    paths = re.findall(r"\./(\S+)$", run("dpkg-deb", "--contents", deb), re.MULTILINE)
    below_etc = {"/" + path for path in paths if path.startswith("etc/") and not path.endswith("/")}
    check(below_etc == CONFFILES, f"files below /etc are {below_etc}")
    depends = run("dpkg-deb", "--field", deb, "Depends")
    for name in ("libc6", "libssl3", "liburing2", "libyaml-cpp0.7"):
        check(re.search(rf"\b{re.escape(name)}\b", depends), f"it does not depend on {name}: {depends}")


packages.main(test)
