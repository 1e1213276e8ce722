# `openssl s_client`, a foreign client of TLS and DTLS, and what it says of a handshake.
import os
import re
import subprocess

from processes import Process, check, wait_until

DEADLINE = 20


class OpensslClient(Process):
    """Connected, or refused; stays until it is killed."""

    def __init__(self, server, endpoint, *arguments):
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        self._server = server
        # What older versions need is allowed, so that only the server can refuse them.
        super().__init__(["openssl", "s_client", "-connect", f"{host}:{endpoint.port}", "-cipher",
                          "DEFAULT@SECLEVEL=0", "-ciphersuites", "TLS_AES_128_GCM_SHA256",
                          *arguments], server.path("s_client.log"), stdin=subprocess.PIPE)

    def expect(self, pattern):
        """Waits until its output holds the pattern; the match is returned."""
        found = lambda: re.search(pattern, self.output())
        wait_until(lambda: found() or self.has_ended(), DEADLINE,
                   f"{pattern!r} in the output of s_client")
        check(found(), f"no {pattern!r}:\n{self.output()}\nserver:\n{self._server.log()[-4000:]}")
        return found()

    def expect_handshake(self):
        """(resumed, protocol) of a handshake that ended well."""
        how, protocol = self.expect(r"\n(New|Reused), (TLSv1\.[0-9]), Cipher is").groups()
        return how == "Reused", protocol

    def expect_refusal(self, alert):
        """The server said so, and no session came of it."""
        self.expect(f"alert {alert}")
        self.expect(r"Cipher is \(NONE\)")

    def expect_session(self, path):
        """A session ticket, which in TLS 1.3 comes after the handshake; with -sess_out PATH."""
        def arrived():
            return os.path.exists(path) and "END SSL SESSION" in open(path).read()
        wait_until(arrived, DEADLINE, "a session ticket")

    def subject(self):
        return self.expect(r"subject=CN ?= ?(\S+)").group(1)

    def alpn(self):
        return self.expect(r"(?:ALPN protocol: (\S+)|No ALPN negotiated)").group(1)
