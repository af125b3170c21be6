/* The log line of a flow is an interface: field for field. */
#include "edge/record.h"

#include <stdio.h>

#include "check.h"
#include "support/json.h"

static const char *written(const struct record *r, enum line_format format)
{
	static struct line l;

	record_line(r, format, &l);
	l.text[l.used] = '\0';
	return l.text;
}

static struct record example(void)
{
	struct record r = { .flow = 0x17a,
			    .listener = "mail",
			    .port = 25,
			    .backend = "stalwart",
			    .path = "splice",
			    .up = 1822,
			    .down = 90412,
			    .connect_ms = 3,
			    .ms = 81234,
			    .why = WHY_CLIENT_EOF };

	addr_parse(&r.client, "203.0.113.7", 51234);
	addr_parse(&r.server, "100.101.102.103", 25);
	return r;
}

Test(record, as_promised)
{
	struct record r = example();

	expect_str(written(&r, LINE_LOGFMT),
		   "flow=0000017a listener=mail:25 client=203.0.113.7:51234 backend=stalwart "
		   "server=100.101.102.103:25 path=splice up=1822 down=90412 connect_ms=3 ms=81234 "
		   "why=client-eof\n",
		   "logfmt");
	expect_str(
		written(&r, LINE_JSON),
		"{\"flow\":\"0000017a\",\"listener\":\"mail:25\",\"client\":\"203.0.113.7:51234\","
		"\"backend\":\"stalwart\",\"server\":\"100.101.102.103:25\",\"path\":\"splice\","
		"\"up\":1822,\"down\":90412,\"connect_ms\":3,\"ms\":81234,\"why\":\"client-eof\"}\n",
		"json");
}

Test(record, never_connected)
{
	struct record r = example();

	r.connect_ms = CONNECT_NONE;
	r.server = (struct addr){ 0 };
	r.up = r.down = 0;
	r.flow = 0xfedcba9876543210;
	addr_parse(&r.client, "2001:db8::7", 1);
	r.why = WHY_CONNECT_REFUSED;
	expect_str(written(&r, LINE_LOGFMT),
		   "flow=fedcba9876543210 listener=mail:25 client=[2001:db8::7]:1 backend=stalwart "
		   "server=- path=splice up=0 down=0 connect_ms=- ms=81234 why=connect-refused\n",
		   "logfmt");
	expect_str(written(&r, LINE_JSON),
		   "{\"flow\":\"fedcba9876543210\",\"listener\":\"mail:25\","
		   "\"client\":\"[2001:db8::7]:1\",\"backend\":\"stalwart\",\"server\":null,"
		   "\"path\":\"splice\",\"up\":0,\"down\":0,\"connect_ms\":null,\"ms\":81234,"
		   "\"why\":\"connect-refused\"}\n",
		   "json");
}

Test(record, longest)
{
	struct record r = example();
	char name[50];
	const char *text;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	r.listener = r.backend = name;
	r.flow = r.up = r.down = r.ms = UINT64_MAX;
	r.connect_ms = CONNECT_NONE - 1;
	addr_parse(&r.client, "2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	r.server = r.client;
	text = written(&r, LINE_JSON);
	cr_expect(json_is_line(text, strlen(text)), "%s", text);
	expect_has(text, name, "the listener is not cut");
	expect_has(text, "\"connect_ms\":4294967294,", "connect_ms");
	expect_has(text, "\"why\":\"client-eof\"}", "the last field");
}

/* The fields of option tcplog; the date is of this machine's time zone. */
Test(record, as_haproxy)
{
	struct record r = example();
	char date[32], rest[200];

	r.flows = 7;
	r.listener_flows = 5;
	r.backend_flows = 4;
	r.retries = 1;
	expect_num(sscanf(written(&r, LINE_HAPROXY), "203.0.113.7:51234 [%31[^]]] %199[^\n]", date,
			  rest),
		   2, "fields");
	expect_str(rest, "mail stalwart/100.101.102.103:25 0/3/81234 90412 -- 7/5/4/4/1 0/0",
		   "behind the date");
	expect_num(strlen(date), strlen("06/Feb/2009:12:12:51.443"), "date");
	r.connect_ms = CONNECT_NONE;
	r.server = (struct addr){ 0 };
	r.down = 0;
	r.why = WHY_DENIED;
	sscanf(written(&r, LINE_HAPROXY), "203.0.113.7:51234 [%31[^]]] %199[^\n]", date, rest);
	expect_str(rest, "mail stalwart/<NOSRV> 0/-1/81234 0 PR 7/5/4/4/1 0/0", "refused");
}
