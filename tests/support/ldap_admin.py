"""Direct access to the directory over LDAP, without the service."""

import io
import os
import re
import subprocess
import tempfile
import uuid

import ldap
import ldap.dn
import ldap.filter
import ldap.modlist
import ldif
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack

TIMEOUT_S = 10
INTERVALS_PER_S = 10_000_000  # FILETIME intervals
LOCKED = 0x10  # bit of msDS-User-Account-Control-Computed
GLOBAL_SECURITY_GROUP = "-2147483646"
IN_FLIGHT = 100  # additions sent before the first response is awaited
REASON = re.compile(r"data ([0-9a-f]+)", re.IGNORECASE)

# Attributes that the directory updates on every write to an entry.
BOOKKEEPING = ("uSNChanged", "whenChanged")
# Attributes that a login attempt changes.
LOGIN_TRACES = ("lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime")


def rdn(name, kind="CN"):
    return f"{kind}={ldap.dn.escape_dn_chars(name)}"


def same_dn(one, other):
    """Returns True if two parsed DNs are equal, ignoring case."""
    def parts(dn):
        plain = dn.replace("\\?", "?")  # Samba escapes more characters than RFC 4514 allows
        return [[(kind.lower(), value.lower()) for kind, value, _ in part]
                for part in ldap.dn.str2dn(plain, ldap.DN_FORMAT_LDAPV3)]
    return parts(one) == parts(other)


def guid_text(octets):
    """Converts a GUID of Active Directory (MS-DTYP 2.3.4.2) to RFC 4122 text."""
    return str(uuid.UUID(bytes_le=octets))


class LdapAdmin:
    """A connection to the directory as domain administrator, and binds as other accounts."""

    def __init__(self, url, ca_file, base_dn, bind_dn, password):
        self.url, self.ca_file, self.base_dn = url, str(ca_file), base_dn
        self.bind_dn, self.password = bind_dn, password
        self._connection = None

    # --- connections ----------------------------------------------------------------------------

    def _open(self):
        connection = ldap.initialize(self.url)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, self.ca_file)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, TIMEOUT_S)
        connection.set_option(ldap.OPT_TIMEOUT, TIMEOUT_S)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        return connection

    @property
    def connection(self):
        if self._connection is None:
            self._connection = self._open()
            self._connection.simple_bind_s(self.bind_dn, self.password)
        return self._connection

    def close(self):
        if self._connection is not None:
            self._connection.unbind_s()
            self._connection = None

    def bind_failure(self, name, password):
        """Returns Active Directory's code for a failed login ("52e" …); None if the login
        succeeds."""
        connection = self._open()
        try:
            connection.simple_bind_s(name, password)
            return None
        except ldap.INVALID_CREDENTIALS as failure:
            match = REASON.search(failure.args[0].get("info", ""))
            return match.group(1).lower() if match else "?"
        finally:
            connection.unbind_s()

    def binds(self, name, password):
        return self.bind_failure(name, password) is None

    # --- reading --------------------------------------------------------------------------------

    def search(self, text, attributes=("*", "+"), base=None):
        """Returns (dn, attributes) of all matches, without referrals."""
        found = self.connection.search_s(base or self.base_dn, ldap.SCOPE_SUBTREE, text,
                                         list(attributes))
        return [(dn, values) for dn, values in found if dn]

    def find(self, account):
        """Returns (dn, attributes) of an account; None if not found."""
        found = self.search(f"(sAMAccountName={ldap.filter.escape_filter_chars(account)})")
        assert len(found) <= 1, found
        return found[0] if found else None

    def find_guid(self, text):
        """Returns the DN of the object with an objectGUID; None if not found."""
        octets = "".join(f"\\{octet:02x}" for octet in uuid.UUID(text).bytes_le)
        found = self.search(f"(objectGUID={octets})", ["cn"])
        return found[0][0] if found else None

    def entry(self, dn, attributes=("*",)):
        """Returns the attributes of the entry at a DN; None if not found."""
        try:
            found = self.connection.search_s(dn, ldap.SCOPE_BASE, attrlist=list(attributes))
        except ldap.NO_SUCH_OBJECT:
            return None
        return found[0][1]

    def text(self, account, attribute):
        """Returns one value of an account's attribute as text; None if unset."""
        _, values = self.find(account)
        return values[attribute][0].decode() if attribute in values else None

    def snapshot(self, account, without=()):
        """Returns the DN and all attributes of an account, without those that logins change."""
        return self.tree(self.find(account)[0], without)[0]

    def tree(self, base, without=()):
        """Returns the DNs and attributes of a subtree, without those that logins change."""
        found = self.connection.search_s(base, ldap.SCOPE_SUBTREE, attrlist=["*", "+"])
        return sorted((dn, {name: sorted(of) for name, of in values.items()
                            if name not in LOGIN_TRACES and name not in without})
                      for dn, values in found if dn)

    def members(self, group_dn):
        """Returns the DNs in a group's `member`, which a server may return in ranges (MS-ADTS
        3.1.1.3.1.3.3)."""
        found, start = [], 0
        while True:
            values = self.entry(group_dn, [f"member;range={start}-*"])
            [(name, piece)] = values.items() or [("", [])]
            found += [dn.decode() for dn in piece]
            if not name.startswith("member;range=") or name.endswith("-*"):
                return found
            start = len(found)

    def ldapsearch(self, text, *attributes, base=None):
        """Like search(), through the command-line tool: returns a list of {attribute: [bytes]}
        with "dn"."""
        with tempfile.NamedTemporaryFile() as secret:
            secret.write(self.password.encode())
            secret.flush()
            command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-o", "nettimeout=10",
                       "-H", self.url, "-D", self.bind_dn, "-y", secret.name,
                       "-b", base or self.base_dn, text, *attributes]
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True,
                                  env={**os.environ, "LDAPTLS_CACERT": self.ca_file})
        return _parse_ldif(done.stdout)

    def failed_logins(self, account):
        """Returns badPwdCount, and True if the account is locked; reads them with ldapsearch."""
        names = ("badPwdCount", "lockoutTime", "msDS-User-Account-Control-Computed")
        [entry] = self.ldapsearch(f"(sAMAccountName={account})", *names)
        count, since, control = (int(entry.get(name, [b"0"])[0]) for name in names)
        locked = bool(control & LOCKED)
        assert locked == bool(since)
        return count, locked

    # --- writing --------------------------------------------------------------------------------

    def add(self, dn, **attributes):
        values = {name: [of.encode() if isinstance(of, str) else of for of in
                         (value if isinstance(value, (list, tuple)) else [value])]
                  for name, value in attributes.items()}
        self.connection.add_s(dn, ldap.modlist.addModlist(values))
        return dn

    def add_all(self, entries):
        """Adds many entries, given as (DN, attributes), with up to 100 requests in flight."""
        waiting = []
        for dn, attributes in entries:
            modlist = [(name, [value.encode()]) for name, value in attributes.items()]
            waiting.append(self.connection.add(dn, modlist))
            if len(waiting) == IN_FLIGHT:
                self.connection.result(waiting.pop(0), timeout=30)
        for identifier in waiting:
            self.connection.result(identifier, timeout=30)

    def add_ou(self, name, parent=None):
        return self.add(f"{rdn(name, 'OU')},{parent or self.base_dn}",
                        objectClass="organizationalUnit")

    def add_account(self, name, password, parent):
        """Adds a user who can log in."""
        return self.add(f"{rdn(name)},{parent}", objectClass="user", sAMAccountName=name,
                        userAccountControl="512", unicodePwd=f'"{password}"'.encode("utf-16-le"))

    def add_group(self, name, parent, *member_dns, kind=GLOBAL_SECURITY_GROUP):
        """Adds a group with these members; `kind` is its groupType."""
        dn = self.add(f"{rdn(name)},{parent}", objectClass="group", sAMAccountName=name,
                      groupType=kind)
        for member_dn in member_dns:
            self.add_member(dn, member_dn)
        return dn

    def add_recovery_key(self, computer_dn):
        """Adds a BitLocker recovery key below a computer; returns its DN."""
        key = uuid.uuid4()
        name = f"2026-11-20T12:34:56-00:00{{{str(key).upper()}}}"
        return self.add(f"{rdn(name)},{computer_dn}", **{
            "objectClass": "msFVE-RecoveryInformation", "msFVE-RecoveryGuid": key.bytes_le,
            "msFVE-RecoveryPassword": "-".join(["123456"] * 8)})

    def add_password_settings(self, name, applies_to, threshold=0, window_s=60, **rules):
        """Adds a password settings object that imposes no password rules but those in `rules`,
        whose names are those of the attributes without "msDS-"."""
        never, window = str(-(10 ** 9) * INTERVALS_PER_S), str(-window_s * INTERVALS_PER_S)
        return self.add(
            f"{rdn(name)},CN=Password Settings Container,CN=System,{self.base_dn}", **{
                "objectClass": "msDS-PasswordSettings", "msDS-PasswordSettingsPrecedence": "1",
                "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
                "msDS-PasswordHistoryLength": "0", "msDS-PasswordComplexityEnabled": "FALSE",
                "msDS-MinimumPasswordLength": "0", "msDS-MinimumPasswordAge": "0",
                "msDS-MaximumPasswordAge": never, "msDS-LockoutThreshold": str(threshold),
                "msDS-LockoutObservationWindow": window, "msDS-LockoutDuration": window,
                "msDS-PSOAppliesTo": applies_to,
                **{f"msDS-{attribute}": value for attribute, value in rules.items()}})

    def set(self, dn, attribute, *values):
        """Replaces the values of an attribute. Without values, removes the attribute."""
        octets = [value.encode() if isinstance(value, str) else value for value in values]
        self.connection.modify_s(dn, [(ldap.MOD_REPLACE, attribute, octets or None)])

    def swap(self, dn, attribute, old, new):
        """Changes a value only if it still equals `old`; returns False otherwise."""
        try:
            self.connection.modify_s(dn, [(ldap.MOD_DELETE, attribute, [str(old).encode()]),
                                          (ldap.MOD_ADD, attribute, [str(new).encode()])])
            return True
        except ldap.NO_SUCH_ATTRIBUTE:
            return False

    def add_member(self, group_dn, *member_dns):
        octets = [dn.encode() for dn in member_dns]
        self.connection.modify_s(group_dn, [(ldap.MOD_ADD, "member", octets)])

    def remove_member(self, group_dn, member_dn):
        self.connection.modify_s(group_dn, [(ldap.MOD_DELETE, "member", [member_dn.encode()])])

    def make_primary(self, group_dn, account_dn):
        """Makes a group the primary group of an account, after adding it as a member."""
        self.add_member(group_dn, account_dn)
        token = self.entry(group_dn, ["primaryGroupToken"])["primaryGroupToken"][0]
        self.set(account_dn, "primaryGroupID", token)

    def delete(self, dn):
        self.connection.delete_s(dn)


def add_rights(ldap_admin, dn, sddl):
    """Adds entries to the front of the access control list of an object."""
    octets = ldap_admin.entry(dn, ["nTSecurityDescriptor"])["nTSecurityDescriptor"][0]
    descriptor = ndr_unpack(security.descriptor, octets)
    for ace in security.descriptor.from_sddl(sddl, security.dom_sid()).dacl.aces:
        descriptor.dacl_add(ace, 0)
    ldap_admin.set(dn, "nTSecurityDescriptor", ndr_pack(descriptor))


def _parse_ldif(octets):
    reader = ldif.LDIFRecordList(io.BytesIO(octets))
    reader.parse()
    return [{"dn": dn, **values} for dn, values in reader.all_records if dn]
