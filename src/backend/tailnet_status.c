#include "backend/tailnet_status.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static bool flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static uint64_t count(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* What does not fit is cut; what is no printable ASCII becomes '?': these words go to logs and terminals. */
static void copy(char *out, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 1 < size; from++)
		out[n++] = *from >= ' ' && *from < 0x7f ? *from : '?';
	out[n] = 0;
}

static void copy_name(char *out, size_t size, const char *from)
{
	size_t n;

	copy(out, size, from + (*from == '.'));
	for (n = 0; out[n]; n++)
		out[n] = (char)tolower((unsigned char)out[n]);
	if (n && out[n - 1] == '.')
		out[n - 1] = 0;
}

/* RFC 3339; 0 for what is none, and for Go's zero time, which is year 1. */
static time_t moment(const json_t *object, const char *key)
{
	struct tm tm = { 0 };
	int hours = 0, minutes = 0, used = 0;
	const char *t = text(object, key);
	time_t at;

	if (sscanf(t, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) < 6 ||
	    tm.tm_year < 1970)
		return 0;
	t += used;
	if (*t == '.')
		t += 1 + strspn(t + 1, "0123456789");
	if ((*t == '+' || *t == '-') && sscanf(t + 1, "%2d:%2d", &hours, &minutes) == 2 &&
	    *t == '-') {
		hours = -hours;
		minutes = -minutes;
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	at = timegm(&tm) - hours * 3600 - minutes * 60;
	return at > 0 ? at : 0;
}

static void read_addresses(struct tailnet_node *n, const json_t *list)
{
	const char *word;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		word = json_string_value(item);
		if (word && n->naddresses < TAILNET_ADDRESSES &&
		    addr_parse(&n->addresses[n->naddresses], word, 0))
			n->naddresses++;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_tags(struct tailnet_node *n, const json_t *list)
{
	const char *tags[16];
	size_t ntags = 0, used = 0, i;
	json_t *item;

	json_array_foreach(list, i, item) if (json_is_string(item) && ntags < ARRAY_LEN(tags))
		tags[ntags++] = json_string_value(item);
	qsort(tags, ntags, sizeof(*tags), by_text);
	for (i = 0; i < ntags && used + 1 < sizeof(n->tags); i++) {
		if (i)
			n->tags[used++] = ' ';
		copy(n->tags + used, sizeof(n->tags) - used, tags[i]);
		used += strlen(n->tags + used);
	}
}

static bool read_node(struct tailnet_node *n, const json_t *peer)
{
	const char *relay = text(peer, "PeerRelay");

	*n = (struct tailnet_node){ 0 };
	copy_name(n->name, sizeof(n->name), text(peer, "DNSName"));
	copy_name(n->asked, sizeof(n->asked), text(peer, "HostName"));
	read_tags(n, json_object_get(peer, "Tags"));
	read_addresses(n, json_object_get(peer, "TailscaleIPs"));
	n->online = flag(peer, "Online");
	n->expired = flag(peer, "Expired");
	n->active = flag(peer, "Active");
	copy(n->direct, sizeof(n->direct), text(peer, "CurAddr"));
	copy(n->relay, sizeof(n->relay), *relay ? relay : text(peer, "Relay"));
	n->created = moment(peer, "Created");
	n->seen = n->online ? 0 : moment(peer, "LastSeen");
	n->key_expiry = moment(peer, "KeyExpiry");
	n->rx = count(peer, "RxBytes");
	n->tx = count(peer, "TxBytes");
	return n->naddresses;
}

static void read_peers(struct tailnet_status *out, json_t *peers)
{
	size_t room = min_of(json_object_size(peers), (size_t)TAILNET_NODES_MAX);
	const char *key;
	json_t *peer;

	out->peers = memory_zeroed(room, sizeof(*out->peers));
	json_object_foreach(peers, key,
			    peer) if (out->count < room && read_node(&out->peers[out->count], peer))
		out->count++;
}

bool tailnet_status_parse(struct tailnet_status *out, const char *json, size_t len)
{
	json_t *root = json_loadb(json, len, 0, NULL), *tailnet;
	const char *suffix;

	*out = (struct tailnet_status){ 0 };
	if (!json_is_object(root) || !json_is_string(json_object_get(root, "BackendState"))) {
		json_decref(root);
		return false;
	}
	tailnet = json_object_get(root, "CurrentTailnet");
	suffix = text(tailnet, "MagicDNSSuffix");
	copy(out->version, sizeof(out->version), text(root, "Version"));
	copy(out->state, sizeof(out->state), text(root, "BackendState"));
	copy_name(out->suffix, sizeof(out->suffix),
		  *suffix ? suffix : text(root, "MagicDNSSuffix"));
	out->tun = flag(root, "TUN");
	out->magic_dns = flag(tailnet, "MagicDNSEnabled");
	copy(out->health, sizeof(out->health),
	     json_is_string(json_array_get(json_object_get(root, "Health"), 0))
		     ? json_string_value(json_array_get(json_object_get(root, "Health"), 0))
		     : "");
	read_node(&out->self, json_object_get(root, "Self"));
	read_peers(out, json_object_get(root, "Peer"));
	json_decref(root);
	return true;
}

void tailnet_status_finish(struct tailnet_status *s)
{
	free(s->peers);
	*s = (struct tailnet_status){ 0 };
}

static bool has(const struct tailnet_node *n, const struct addr *a)
{
	struct addr own;

	for (size_t i = 0; i < n->naddresses; i++) {
		own = n->addresses[i];
		addr_set_port(&own, addr_port(a));
		if (addr_equal(&own, a))
			return true;
	}
	return false;
}

const struct tailnet_node *tailnet_status_find(const struct tailnet_status *s, const struct addr *a)
{
	if (has(&s->self, a))
		return &s->self;
	for (size_t i = 0; i < s->count; i++)
		if (has(&s->peers[i], a))
			return &s->peers[i];
	return NULL;
}
