# Certificates for tests, signed by themselves: made with the `openssl` command in a directory.
import base64
import contextlib
import hashlib
import os
import ssl
import subprocess
import tempfile

from processes import check


@contextlib.contextmanager
def certificate_directory():
    """Everybody may read it: a server that began as root reads it again as somebody else."""
    with tempfile.TemporaryDirectory(prefix="uturn-certificate-") as directory:
        os.chmod(directory, 0o755)
        yield directory


class Certificate:
    """Files in PEM form, for `name` and for loopback's address."""

    def __init__(self, directory, stem, name="turn.example", days=30):
        self.certificate = os.path.join(directory, f"{stem}.pem")
        self.key = os.path.join(directory, f"{stem}.key")
        make = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", str(days), "-subj", f"/CN={name}",
             "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
             "-out", self.certificate, "-keyout", self.key],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(make.returncode == 0, f"openssl req: {make.stdout}")
        os.chmod(self.key, 0o644)

    @property
    def flags(self):
        """As the only one of a server."""
        return ["--cert", self.certificate, "--key", self.key]

    def key_hash(self):
        """Of the public key, in the form of Chromium's --ignore-certificate-errors-spki-list."""
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
                                stdout=subprocess.PIPE, check=True).stdout
        return base64.b64encode(hashlib.sha256(public).digest()).decode()

    def der(self):
        """What a peer says it was shown (SSLSocket.getpeercert(binary_form=True))."""
        with open(self.certificate) as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def replace(self, other):
        """The other one's content under these names, each by rename as certbot's tools do."""
        for mine, theirs in ((self.certificate, other.certificate), (self.key, other.key)):
            with open(theirs, "rb") as file, open(mine + ".new", "wb") as new:
                new.write(file.read())
            os.rename(mine + ".new", mine)
