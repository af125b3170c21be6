"""Postfix as the backend: smtpd and postscreen that trust PROXY headers, delivery into a maildir."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness.need import need_program
from harness.server import HOSTNAME, OWNER, Server, self_signed

DOMAIN = "example.test"
SMTPD_PORT = 25
POSTSCREEN_PORT = 2525

# postscreen greets twice with a pause; a second is enough to see that the client waits for it
MAIN_CF = """\
compatibility_level = 3.6
config_directory = {dir}/conf
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = {hostname}
mydestination =
inet_protocols = all
inet_interfaces = {addresses}
mynetworks = 192.0.2.1/32
alias_maps =
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
postscreen_greet_wait = 1s
postscreen_cache_map =
message_size_limit = 50000000
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER_CF = """\
{smtpd}    inet  n - n - -  smtpd
    -o smtpd_upstream_proxy_protocol=haproxy
{postscreen}  inet  n - n - 1  postscreen
    -o postscreen_upstream_proxy_protocol=haproxy
smtpd     pass  - - n - -  smtpd
tlsproxy  unix  - - n - 0  tlsproxy
dnsblog   unix  - - n - 0  dnsblog
cleanup   unix  n - n - 0  cleanup
qmgr      unix  n - n 300 1  qmgr
tlsmgr    unix  - - n 1000? 1  tlsmgr
rewrite   unix  - - n - -  trivial-rewrite
bounce    unix  - - n - 0  bounce
defer     unix  - - n - 0  bounce
trace     unix  - - n - 0  bounce
verify    unix  - - n - 1  verify
proxymap  unix  - - n - -  proxymap
error     unix  - - n - -  error
retry     unix  - - n - -  error
virtual   unix  - n n - -  virtual
anvil     unix  - - n - 1  anvil
postlog   unix-dgram n - n - 1  postlogd
"""

# name, mode, whether Postfix's own user has it: what `postfix check` would make
QUEUE_DIRS = (
    *((name, 0o700, True) for name in (
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
        "saved", "trace")),
    ("maildrop", 0o730, True), ("public", 0o710, True), ("pid", 0o755, False),
)


class Postfix(Server):
    """One Postfix; `inbox` is where every mail to DOMAIN ends."""

    ports = frozenset({SMTPD_PORT, POSTSCREEN_PORT})

    def prepare(self) -> None:
        postconf = need_program("postconf", "postfix")
        self.daemons = subprocess.run([postconf, "-dh", "daemon_directory"], check=True, capture_output=True,
                                      text=True, timeout=10).stdout.strip()
        self.certificate, key = self_signed(self.dir)
        self._make_directories()
        conf = self.dir / "conf"
        conf.mkdir()
        (conf / "main.cf").write_text(MAIN_CF.format(
            dir=self.dir, hostname=HOSTNAME, domain=DOMAIN, addresses=" ".join(self.addresses),
            certificate=self.certificate, key=key, uid=OWNER.pw_uid, gid=OWNER.pw_gid,
        ))
        (conf / "master.cf").write_text(MASTER_CF.format(smtpd=SMTPD_PORT, postscreen=POSTSCREEN_PORT))

    def command(self) -> list[str]:
        return [f"{self.daemons}/master", "-c", str(self.dir / "conf"), "-d"]

    @property
    def inbox(self) -> Path:
        return self.dir / "mail" / "inbox" / "new"

    def mail_to(self, recipient: str) -> bytes | None:
        """The one mail delivered to that address, as the file has it."""
        wanted = f"Delivered-To: {recipient}\n".encode()
        found = [mail for mail in self._mails() if wanted in mail.split(b"\n\n", 1)[0] + b"\n"]
        if len(found) > 1:
            raise AssertionError(f"{len(found)} mails for {recipient}")
        return found[0] if found else None

    def _mails(self) -> list[bytes]:
        return [file.read_bytes() for file in self.inbox.iterdir()] if self.inbox.exists() else []

    def _make_directories(self) -> None:
        queue, data, mail = (self.dir / name for name in ("queue", "data", "mail"))
        for directory in (queue, data, mail):
            directory.mkdir()
        for name, mode, owned in QUEUE_DIRS:
            (queue / name).mkdir()
            if owned:
                shutil.chown(queue / name, "postfix", "postdrop" if mode & 0o070 else None)
            (queue / name).chmod(mode)
        shutil.chown(data, "postfix")
        data.chmod(0o700)
        os.chown(mail, OWNER.pw_uid, OWNER.pw_gid)
