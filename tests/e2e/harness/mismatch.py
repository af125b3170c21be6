"""Real servers with each port twice: one that expects a PROXY header from the edge, and one that expects none."""

from __future__ import annotations

from harness import nginx
from harness.dovecot import IMAP_PORT, IMAPS_PORT, Dovecot
from harness.nginx import Nginx
from harness.postfix import POSTSCREEN_PORT, SMTPD_PORT, Postfix
from harness.server import self_signed

SMTPS, SMTPS_PLAIN, SMTPD_PLAIN, POSTSCREEN_PLAIN = 465, 4650, 2500, 2526
IMAP_PLAIN, IMAPS_PLAIN = 1430, 9930
HTTPS, HTTPS_PLAIN, HTTP_PLAIN = 443, 8443, 8000
# (port clients come to, of the server that expects a header, of the one that does not)
POSTFIX = ((25, SMTPD_PORT, SMTPD_PLAIN), (587, POSTSCREEN_PORT, POSTSCREEN_PLAIN), (465, SMTPS, SMTPS_PLAIN))
DOVECOT = ((143, IMAP_PORT, IMAP_PLAIN), (993, IMAPS_PORT, IMAPS_PLAIN))
NGINX = ((80, nginx.HTTP_PORT, HTTP_PLAIN), (443, HTTPS, HTTPS_PLAIN))

MASTER_CF = f"""\
{SMTPS}    inet  n - n - -  smtpd
    -o smtpd_upstream_proxy_protocol=haproxy
    -o smtpd_tls_wrappermode=yes
{SMTPS_PLAIN}    inet  n - n - -  smtpd
    -o smtpd_tls_wrappermode=yes
{SMTPD_PLAIN}    inet  n - n - -  smtpd
{POSTSCREEN_PLAIN}  inet  n - n - 1  postscreen
"""

DOVECOT_CONF = f"""
service imap-login {{
  inet_listener imap_plain {{
    port = {IMAP_PLAIN}
  }}
  inet_listener imaps_plain {{
    port = {IMAPS_PLAIN}
    ssl = yes
  }}
}}
"""


class TwicePostfix(Postfix):
    ports = Postfix.ports | {SMTPS, SMTPS_PLAIN, SMTPD_PLAIN, POSTSCREEN_PLAIN}

    def prepare(self) -> None:
        super().prepare()
        with (self.dir / "conf" / "master.cf").open("a") as file:
            file.write(MASTER_CF)


class TwiceDovecot(Dovecot):
    ports = Dovecot.ports | {IMAP_PLAIN, IMAPS_PLAIN}

    def prepare(self) -> None:
        super().prepare()
        with (self.dir / "dovecot.conf").open("a") as file:
            file.write(DOVECOT_CONF)


class TwiceNginx(Nginx):
    ports = frozenset({nginx.HTTP_PORT, HTTP_PLAIN, HTTPS, HTTPS_PLAIN})

    def prepare(self) -> None:
        super().prepare()
        self.certificate, key = self_signed(self.dir)
        tls = f"ssl_certificate {self.certificate}; ssl_certificate_key {key};"
        v4, v6 = self.addresses
        servers = "".join(f"server {{ listen {v4}:{port}{how}; listen [{v6}]:{port}{how}; {tls} return 200; }}\n"
                          for port, how in ((HTTP_PLAIN, ""), (HTTPS, " ssl proxy_protocol"), (HTTPS_PLAIN, " ssl")))
        (self.files / "index.html").write_text("here\n")  # or what / asks for is an error
        file = self.dir / "nginx.conf"
        # the stream port is another test's
        http, _, _ = file.read_text().partition("stream {")
        file.write_text(http.rstrip().removesuffix("}") + servers + "}\n")
