"""Dovecot as the backend: IMAP that trusts PROXY headers from the edge, one maildir for each user."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path

from harness.need import need_program
from harness.server import OWNER, Server, self_signed

IMAP_PORT = 143
IMAPS_PORT = 993
PASSWORD = "correct horse"
USERS = tuple(f"user{number}" for number in range(100))

COMMON = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
listen = {addresses}
haproxy_trusted_networks = {edges}
service imap-login {{
  inet_listener imap {{
    port = {imap}
    haproxy = yes
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
    haproxy = yes
  }}
}}
"""

# version 2.4 gave most settings other names
BEFORE_2_4 = """\
protocols = imap
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
mail_location = maildir:{dir}/mail/%u
passdb {{
  driver = passwd-file
  args = {dir}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u
}}
"""

SINCE_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {{
  imap = yes
}}
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {dir}/mail/%{{user}}
passdb passwd-file {{
  passwd_file_path = {dir}/users
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {dir}/mail/%{{user}}
  }}
}}
"""


class Dovecot(Server):
    """One Dovecot; each `new_user` has an empty mailbox and PASSWORD."""

    ports = frozenset({IMAP_PORT, IMAPS_PORT})

    def prepare(self) -> None:
        self.program = need_program("dovecot", "dovecot-imapd")
        self.certificate, key = self_signed(self.dir)
        self._users = iter(USERS)
        self._serial = itertools.count(1)
        (self.dir / "users").write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}::::::\n" for user in USERS))
        mail = self.dir / "mail"
        mail.mkdir()
        os.chown(mail, OWNER.pw_uid, OWNER.pw_gid)
        values = {
            "dir": self.dir, "addresses": ", ".join(self.addresses), "edges": " ".join(self.edges),
            "imap": IMAP_PORT, "imaps": IMAPS_PORT, "certificate": self.certificate, "key": key,
            "uid": OWNER.pw_uid, "gid": OWNER.pw_gid,
        }
        # the version has to be the first setting of a file
        text = SINCE_2_4 + COMMON if self._version() >= (2, 4) else BEFORE_2_4 + COMMON
        (self.dir / "dovecot.conf").write_text(text.format(**values))

    def command(self) -> list[str]:
        return [self.program, "-F", "-c", str(self.dir / "dovecot.conf")]

    def new_user(self) -> str:
        """A user that no test has used yet."""
        return next(self._users)

    def mails(self, user: str) -> list[Path]:
        """The files of the mails in INBOX."""
        inbox = self.dir / "mail" / user
        return [file for folder in ("new", "cur") if (inbox / folder).exists()
                for file in sorted((inbox / folder).iterdir())]

    def deliver(self, user: str, mail: bytes) -> None:
        """What a delivery agent does: into tmp, then moved to new, whole. After the first login."""
        inbox = self.dir / "mail" / user
        name = f"{next(self._serial)}.e2e"
        (inbox / "tmp" / name).write_bytes(mail)
        os.chown(inbox / "tmp" / name, OWNER.pw_uid, OWNER.pw_gid)
        (inbox / "tmp" / name).rename(inbox / "new" / name)

    def _version(self) -> tuple[int, int]:
        shown = subprocess.run([self.program, "--version"], check=True, capture_output=True, text=True, timeout=10)
        major, minor = re.match(r"(\d+)\.(\d+)", shown.stdout).groups()
        return int(major), int(minor)
