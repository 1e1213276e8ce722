# Both packages are made of this build as `make package` makes them of its own.
import os
import shutil

import packages
from packages import check, need, run


def test(options):
    need("dpkg-shlibdeps", "rpmbuild")
    directory = os.path.join(options.build, "packages")
    shutil.rmtree(directory, ignore_errors=True)
    # Time goes into compression, and these packages go nowhere.
    run(options.cpack, "--config", os.path.join(options.build, "CPackConfig.cmake"), "-B", directory,
        "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip", "-D", "CPACK_RPM_COMPRESSION_TYPE=gzip",
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    for suffix in ("deb", "rpm"):
        check(os.path.getsize(packages.package(options.build, suffix)) > 0, f"the .{suffix} is empty")


packages.main(test)
