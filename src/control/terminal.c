#include "control/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Of a terminal that does not know its size. */
#define ROWS	24
#define COLUMNS 80

/* The alternate screen, no cursor, no wrapping; and back. xterm's, and everybody's since. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static struct termios before;

bool terminal_there(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool terminal_may_be_bold(void)
{
	const char *no = getenv("NO_COLOR");

	return terminal_there() && !(no && *no);
}

bool terminal_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

	if (locale)
		freelocale(locale);
	return utf8;
}

void terminal_measure(struct terminal *t)
{
	struct winsize size = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	t->rows = size.ws_row ? size.ws_row : ROWS;
	t->columns = size.ws_col ? size.ws_col : COLUMNS;
}

size_t terminal_width(void)
{
	struct terminal t;

	if (!isatty(STDOUT_FILENO))
		return 0;
	terminal_measure(&t);
	return t.columns;
}

static void put(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

void terminal_enter(struct terminal *t)
{
	struct termios raw;

	terminal_measure(t);
	t->keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	if (t->keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	put(ENTER);
}

void terminal_show(const char *text)
{
	size_t len;

	fputs("\033[H", stdout);
	while (*text) {
		len = strcspn(text, "\n");
		fprintf(stdout, "%.*s\033[K", (int)len, text);
		text += len;
		/* No newline behind the last line: on the last row it would scroll. */
		if (*text && *++text)
			fputs("\n", stdout);
	}
	put("\033[J");
}

void terminal_leave(struct terminal *t)
{
	put(LEAVE);
	if (t->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	t->keys = false;
}
