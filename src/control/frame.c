#include "control/frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/field.h"
#include "control/present_servers.h"
#include "control/table.h"
#include "control/text.h"

/* Flows where the height is no limit. */
#define FLOWS_SHOWN 10

/* What stands left of a rate's history. */
#define RATE_COLUMNS 26

static void remember(struct frame *f, enum frame_rate rate, uint64_t total, msec_t span)
{
	double *history = f->history[rate];

	memmove(history + 1, history, (FRAME_HISTORY - 1) * sizeof(*history));
	history[0] = (double)(total - f->totals[rate]) * 1000.0 / (double)max_of(span, (msec_t)1);
}

void frame_take(struct frame *f, json_t *status, json_t *conns, msec_t now)
{
	const json_t *flows = field_object(status, "flows"), *bytes = field_object(status, "bytes");
	const uint64_t totals[] = { field_u64(flows, "accepted"), field_u64(bytes, "up"),
				    field_u64(bytes, "down") };
	uint64_t pid = field_u64(status, "pid");
	bool same = f->status && f->pid == pid;

	for (size_t i = 0; i < FRAME_RATES; i++)
		same = same && totals[i] >= f->totals[i];
	for (enum frame_rate r = 0; same && r < FRAME_RATES; r++)
		remember(f, r, totals[r], now - f->at);
	f->known = same ? min_of(f->known + 1, (size_t)FRAME_HISTORY) : 0;
	memcpy(f->totals, totals, sizeof(totals));
	f->pid = pid;
	f->at = now;
	f->trouble[0] = '\0';
	json_decref(f->status);
	json_decref(f->conns);
	f->status = status;
	f->conns = conns;
}

void frame_finish(struct frame *f)
{
	json_decref(f->status);
	json_decref(f->conns);
	f->status = f->conns = NULL;
}

__attribute__((format(printf, 4, 5))) static void put(FILE *to, size_t columns, bool bold,
						      const char *fmt, ...)
{
	va_list args;
	size_t len;
	char *line;

	va_start(args, fmt);
	if (vasprintf(&line, fmt, args) < 0)
		panic("out of memory");
	va_end(args);
	text_clean(line);
	len = text_cut(line, columns);
	while (len > 0 && line[len - 1] == ' ')
		len--;
	line[len] = '\0';
	fprintf(to, bold ? "\033[1m%s\033[0m\n" : "%s\n", line);
	free(line);
}

/* The newest at the right, the highest as high as a line. */
static void draw_history(const struct frame *f, enum frame_rate rate, size_t columns, char *out)
{
	static const char *const blocks[] = { " ",	"\u2581", "\u2582", "\u2583", "\u2584",
					      "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { " ", ".", ".", ":", ":", "-", "=", "+", "#" };
	size_t n = min_of(f->known, columns);
	double top = 0;

	for (size_t i = 0; i < n; i++)
		top = max_of(top, f->history[rate][i]);
	*out = '\0';
	for (size_t i = n; i-- > 0;) {
		double value = f->history[rate][i];
		int level = value > 0 ? 1 + (int)(value / top * 7) : 0;

		out = stpcpy(out, (f->blocks ? blocks : plain)[level]);
	}
}

/* Before there are two looks to compare, what the edge says itself. */
static double rate_of(const struct frame *f, enum frame_rate rate)
{
	static const char *const keys[] = { "connections_per_s", "up_bytes_per_s",
					    "down_bytes_per_s" };

	return f->known ? f->history[rate][0]
			: field_real(field_object(f->status, "rates"), keys[rate]);
}

static void put_rates(const struct frame *f, FILE *to, size_t columns)
{
	static const char *const labels[] = { "connections", "up", "down" };
	char figure[TEXT_FIGURE], history[FRAME_HISTORY * 4];

	for (enum frame_rate r = 0; r < FRAME_RATES; r++) {
		if (r == FRAME_CONNECTIONS)
			snprintf(figure, sizeof(figure), "%.1f/s", min_of(rate_of(f, r), 1e9));
		else
			text_bits(rate_of(f, r), figure);
		draw_history(f, r, columns > RATE_COLUMNS ? columns - RATE_COLUMNS : 0, history);
		put(to, columns, false, "%-11s %11s  %s", labels[r], figure, history);
	}
}

static void put_refusals(const struct frame *f, FILE *to, size_t columns)
{
	char words[512] = "", figure[TEXT_FIGURE];
	const char *why;
	json_t *n;

	json_object_foreach(field_object(f->status, "refusals"), why, n)
	{
		size_t used = strlen(words);

		snprintf(words + used, sizeof(words) - used, "  %s %s", why,
			 text_count((uint64_t)max_of(json_integer_value(n), (json_int_t)0),
				    figure));
	}
	put(to, columns, false, "refused    %s", *words ? words : "  none");
}

static void put_head(const struct frame *f, FILE *to, size_t columns)
{
	const json_t *flows = field_object(f->status, "flows");
	char live[TEXT_FIGURE], max[TEXT_FIGURE], accepted[TEXT_FIGURE], refused[TEXT_FIGURE];
	char up[TEXT_FIGURE], bans[TEXT_FIGURE], states[200];

	put(to, columns, f->bold, "tailsplice %s  %s  up %s  pid %" PRIu64 "  config %.8s",
	    field_text(f->status, "version"),
	    *f->trouble ? "NO ANSWER" : field_text(f->status, "state"),
	    text_span(1000 * field_u64(f->status, "uptime_s"), up), f->pid,
	    field_text(field_object(f->status, "config"), "hash"));
	if (*f->trouble)
		put(to, columns, f->bold, "trying again: %s", f->trouble);
	put(to, columns, false, "flows       %s of %s  accepted %s  refused %s  bans %s",
	    text_count(field_u64(flows, "live"), live), text_count(field_u64(flows, "max"), max),
	    text_count(field_u64(flows, "accepted"), accepted),
	    text_count(field_u64(flows, "refused"), refused),
	    text_count(field_u64(f->status, "bans"), bans));
	put(to, columns, false, "servers     %s",
	    present_server_states(field_array(f->status, "backends"), states, sizeof(states)));
	put_rates(f, to, columns);
	put_refusals(f, to, columns);
}

/* "mail:25 0.0.0.0" of "mail" and "0.0.0.0:25": where it is cut, the port stays. */
static void cell_listener(struct table *t, const json_t *row)
{
	const char *address = field_text(row, "address"), *port = strrchr(address, ':');
	char text[256];

	snprintf(text, sizeof(text), "%.64s%.20s %.*s", field_text(row, "name"), port ? port : "",
		 (int)min_of(port ? port - address : 100, (ptrdiff_t)100), address);
	table_cell(t, text);
}

static void cell_figure(struct table *t, char *(*show)(uint64_t n, char *out), uint64_t n)
{
	char figure[TEXT_FIGURE];

	table_cell(t, show(n, figure));
}

static void put_listeners(const struct frame *f, FILE *to, size_t rows, size_t columns)
{
	static const struct column titles[] = { { "LISTENER", false }, { "STATE", false },
						{ "LIVE", true },      { "ACCEPTED", true },
						{ "REFUSED", true },   { "UP", true },
						{ "DOWN", true } };
	const json_t *list = field_array(f->status, "listeners"), *row;
	size_t count = json_array_size(list), i;
	struct table t;
	char more[64];

	table_init(&t, titles, ARRAY_LEN(titles));
	json_array_foreach(list, i, row)
	{
		if (i + 1 == rows && count > rows) {
			snprintf(more, sizeof(more), "and %zu more", count - i);
			table_heading(&t, more);
			break;
		}
		cell_listener(&t, row);
		table_cell(&t, field_text(row, "state"));
		cell_figure(&t, text_count, field_u64(row, "live"));
		cell_figure(&t, text_count, field_u64(row, "accepted"));
		cell_figure(&t, text_count, field_u64(row, "refused"));
		cell_figure(&t, text_bytes, field_u64(row, "up"));
		cell_figure(&t, text_bytes, field_u64(row, "down"));
	}
	table_print(&t, to, columns, TABLE_SHORTEN, f->bold);
	table_finish(&t);
}

static void put_flows(const struct frame *f, FILE *to, size_t rows, size_t columns)
{
	static const struct column titles[] = { { "FASTEST FLOWS", false },
						{ "RATE", true },
						{ "MOVED", true },
						{ "AGE", true },
						{ "ID", false },
						{ "LISTENER", false } };
	const json_t *list = field_array(f->conns, "conns"), *row;
	struct table t;
	char figure[TEXT_FIGURE];
	size_t i;

	table_init(&t, titles, ARRAY_LEN(titles));
	json_array_foreach(list, i, row)
	{
		if (i == rows)
			break;
		table_cell(&t, field_text(row, "client"));
		table_cell(&t, text_bits((double)field_u64(row, "rate"), figure));
		cell_figure(&t, text_bytes, field_u64(row, "up") + field_u64(row, "down"));
		cell_figure(&t, text_span, field_u64(row, "age_ms"));
		table_cell(&t, field_text(row, "id"));
		table_cell(&t, field_text(row, "listener"));
	}
	table_print(&t, to, columns, TABLE_SHORTEN, f->bold);
	table_finish(&t);
}

/* So many lines of the text; 0: all. */
static void put_lines(FILE *to, const char *text, size_t rows)
{
	const char *end = text;

	for (size_t n = 0; (rows == 0 || n < rows) && strchr(end, '\n'); n++)
		end = strchr(end, '\n') + 1;
	fwrite(text, 1, (size_t)(end - text), to);
}

void frame_print(const struct frame *f, FILE *to, size_t rows, size_t columns)
{
	size_t listeners = json_array_size(field_array(f->status, "listeners")), length;
	size_t head = 7 + (*f->trouble != 0), tables, shown;
	char *text;
	FILE *page = open_memstream(&text, &length);

	if (!page)
		panic("out of memory");
	/* Each table has a blank line above it and its titles; the flows get half of what is there,
	 * and what the listeners leave. */
	tables = rows > head + 4 ? rows - head - 4 : 0;
	shown = rows ? min_of(listeners, max_of(tables / 2, (size_t)1)) : listeners;
	put_head(f, page, columns);
	putc('\n', page);
	put_listeners(f, page, shown, columns);
	putc('\n', page);
	put_flows(f, page, rows ? tables - min_of(tables, shown) : FLOWS_SHOWN, columns);
	if (fclose(page) != 0)
		panic("out of memory");
	put_lines(to, text, rows);
	free(text);
}
