"""Creates a certificate authority for the state folder, and certificates for nginx and Samba.

The authority is restricted to loopback names (name constraints, RFC 5280 4.2.1.10), so browsers can
trust it safely. Only the owner of the key files can read them.
"""

import dataclasses
import os
import tempfile
from pathlib import Path

from stack.errors import StackError
from stack.processes import run

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 825  # some clients reject longer validity
RENEW_BEFORE_S = 30 * 24 * 3600

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
AUTHORITY_EXTENSIONS = (
    "basicConstraints=critical,CA:TRUE,pathlen:0",
    "keyUsage=critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier=hash",
    "nameConstraints=critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0",
)


@dataclasses.dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path


class Authority:
    """A certificate authority in a folder. Created if it does not exist or expires soon."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._given: dict[str, tuple[Certificate, list[str]]] = {}
        if not _is_good(Certificate(self.file, self._key), self.file):
            self._make()

    def certificate(self, name: str, alternatives: list[str]) -> Certificate:
        """Returns a certificate for these names ("DNS:localhost", "IP:127.0.0.1"). Signs a new one
        unless the existing one is valid for them. Checks that once for each object."""
        if name in self._given and self._given[name][1] == alternatives:
            return self._given[name][0]
        certificate = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        if not (_is_good(certificate, self.file) and _names(certificate) == set(alternatives)):
            self._sign(certificate, name, alternatives)
        self._given[name] = (certificate, alternatives)
        return certificate

    def _make(self) -> None:
        extensions = [word for line in AUTHORITY_EXTENSIONS for word in ("-addext", line)]
        with tempfile.TemporaryDirectory(dir=self._folder) as work:
            key, file = Path(work) / "key", Path(work) / "file"
            run(["openssl", "req", "-x509", *NEW_KEY, "-keyout", str(key), "-out", str(file),
                 "-subj", "/CN=Kontora development authority", "-days", str(AUTHORITY_DAYS),
                 *extensions])
            _put_in_place(Certificate(file, key), Certificate(self.file, self._key))

    def _sign(self, certificate: Certificate, name: str, alternatives: list[str]) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as work:
            key, request, file, extensions = (
                Path(work) / part for part in ("key", "request", "file", "extensions"))
            extensions.write_text(
                f"subjectAltName={','.join(alternatives)}\n"
                "basicConstraints=critical,CA:FALSE\n"
                "keyUsage=critical,digitalSignature\n"
                "extendedKeyUsage=serverAuth\n"
                "subjectKeyIdentifier=hash\n"
                "authorityKeyIdentifier=keyid\n", encoding="ascii")
            # Without a common name: GnuTLS would apply the name constraints to it as a host name.
            run(["openssl", "req", "-new", *NEW_KEY, "-keyout", str(key), "-out", str(request),
                 "-subj", f"/O=Kontora/OU={name}"])
            run(["openssl", "x509", "-req", "-in", str(request), "-out", str(file),
                 "-CA", str(self.file), "-CAkey", str(self._key), "-extfile", str(extensions),
                 "-days", str(CERTIFICATE_DAYS)])
            _put_in_place(Certificate(file, key), certificate)


def _put_in_place(made: Certificate, place: Certificate) -> None:
    made.key.chmod(0o600)
    made.file.chmod(0o644)
    # After a crash between the two, _is_good() detects that they do not match.
    os.replace(made.key, place.key)
    os.replace(made.file, place.file)


def _is_good(certificate: Certificate, authority: Path) -> bool:
    """True if it exists, matches its key, is signed by the authority and does not expire soon."""
    file = str(certificate.file)
    try:
        run(["openssl", "verify", "-CAfile", str(authority), file])
        run(["openssl", "x509", "-in", file, "-noout", "-checkend", str(RENEW_BEFORE_S)])
        of_file = run(["openssl", "x509", "-in", file, "-noout", "-pubkey"])
        of_key = run(["openssl", "pkey", "-in", str(certificate.key), "-pubout"])
    except StackError:
        return False
    return of_file == of_key


def _names(certificate: Certificate) -> set[str]:
    """Returns the subject alternative names, spelled as in openssl's configuration."""
    text = run(["openssl", "x509", "-in", str(certificate.file), "-noout",
                "-ext", "subjectAltName"])
    names = text.splitlines()[1].split(",")
    return {name.strip().replace("IP Address:", "IP:") for name in names}
