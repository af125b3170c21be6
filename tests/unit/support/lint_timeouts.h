/* lint_timeouts - rows of test_lint.c's table for what waits too long, or not long enough. Its macros are that file's. */
/* clang-format off */
#define SERVER(last) "server = 100.64.0." #last "\n"
#define THREE SERVER(3) SERVER(4) SERVER(5)
#define NINE  SERVER(6) SERVER(7) SERVER(8) SERVER(9) SERVER(10) SERVER(11) SERVER(12) SERVER(13) SERVER(14)
	{ LINT_IDLE_IMAP, 4, 1, LISTEN("a", "ports = 143\nidle = 29m\n") TO(V2),
	  LISTEN("a", "ports = 143\nidle = 30m\n") TO(V2) },
	{ LINT_IDLE_IMAP, 6, 1, LISTEN("a", "ports = 993\n") TO("idle = 10m\n" V2),
	  LISTEN("a", "ports = 995\n") TO("idle = 10m\n" V2) },
	{ LINT_IDLE_IMAP, 4, 1, LISTEN("a", "ports = 143\nprofile = smtp\n") TO(V2),
	  LISTEN("a", "ports = 143\nprofile = raw\n") TO(V2) },
	{ LINT_IDLE_SMTP, 4, 1, LISTEN("a", "ports = 25\nidle = 299s\n") TO(V2),
	  LISTEN("a", "ports = 25\nidle = 5m\n") TO(V2) },
	{ LINT_IDLE_SMTP, 5, 1, LISTEN("a", "ports = 26\nprofile = smtp\nidle = 1m\n") TO(V2),
	  LISTEN("a", "ports = 26\nprofile = http\nidle = 1m\n") TO(V2) },
	{ LINT_HALF_CLOSED_IDLE, 5, 1,
	  LISTEN("a", "ports = 26\nidle = 1m\nhalf-closed = 61s\n") TO(""),
	  LISTEN("a", "ports = 26\nidle = 1m\nhalf-closed = 60s\n") TO("") },
	{ LINT_HALF_CLOSED_IDLE, 6, 1, LISTEN("a", "ports = 25\n") TO("half-closed = 11m\n" V2),
	  LISTEN("a", "ports = 25\n") TO("half-closed = 10m\n" V2) },
	{ LINT_CONNECT_PATIENCE, 6, 1, LISTEN("a", "ports = 26\n") TO("connect-timeout = 300s\n"),
	  LISTEN("a", "ports = 26\n") TO("connect-timeout = 299s\n") },
	/* Four are tried side by side, then the fifth; three times, and no more. */
	{ LINT_CONNECT_PATIENCE, 10, 1,
	  LISTEN("a", "ports = 26\n") TO(THREE "server = 100.64.0.6\nconnect-timeout = 150s\n"),
	  LISTEN("a", "ports = 26\n") TO(THREE "connect-timeout = 299s\n") },
	{ LINT_CONNECT_PATIENCE, 18, 1,
	  LISTEN("a", "ports = 26\n") TO(THREE NINE "connect-timeout = 100s\n"),
	  LISTEN("a", "ports = 26\n") TO(THREE NINE "connect-timeout = 99s\n") },
	{ LINT_HEAD_GREETING, 6, 1, LISTEN("a", "ports = 587\n") TO("head = 9s\n" V2),
	  LISTEN("a", "ports = 587\n") TO("head = 10s\n" V2) },
	{ LINT_HEAD_GREETING, 6, 1, LISTEN("a", "ports = 25\n") TO("head = 5s\n" V2),
	  LISTEN("a", "ports = 143\n") TO("head = 5s\n" V2) },
/* clang-format on */
