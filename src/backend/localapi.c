#include "backend/localapi.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

/* The host is what tailscaled wants to see there. */
#define STATUS "http://local-tailscaled.sock/localapi/v0/status"
/* ipn.NotifyInitialState | ipn.NotifyPeerChanges: once at once, then changes of peers without the whole map. */
#define FOLLOW "http://local-tailscaled.sock/localapi/v0/watch-ipn-bus?mask=4098"

#define CONNECT_LIMIT 5000l

struct localapi {
	char *socket;
	CURLM *multi;
	CURL *stream, *query; /* NULL: not under way */
	char *body;
	size_t len, room;
	bool changed, too_long;
	char why[LOCALAPI_WHY], heard[CURL_ERROR_SIZE];
};

static pthread_once_t initialised = PTHREAD_ONCE_INIT;

static void initialise(void)
{
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		panic("libcurl does not start");
}

struct localapi *localapi_open(const char *socket)
{
	struct localapi *l = memory_zeroed(1, sizeof(*l));

	pthread_once(&initialised, initialise);
	l->socket = memory_text(socket, strlen(socket));
	l->multi = curl_multi_init();
	if (!l->multi)
		panic("no memory for libcurl");
	return l;
}

static void end(struct localapi *l, CURL **request)
{
	if (!*request)
		return;
	curl_multi_remove_handle(l->multi, *request);
	curl_easy_cleanup(*request);
	*request = NULL;
}

void localapi_close(struct localapi *l)
{
	if (!l)
		return;
	end(l, &l->stream);
	end(l, &l->query);
	curl_multi_cleanup(l->multi);
	free(l->socket);
	free(l->body);
	free(l);
}

/* Nothing but how many lines ended; a change may be megabytes long. */
static size_t on_stream(char *bytes, size_t size, size_t n, void *arg)
{
	struct localapi *l = arg;

	l->changed |= memchr(bytes, '\n', size * n) != NULL;
	return size * n;
}

static size_t on_answer(char *bytes, size_t size, size_t n, void *arg)
{
	struct localapi *l = arg;
	size_t need = l->len + size * n, room = max_of(l->room, (size_t)16384);
	char *bigger;

	if (need > LOCALAPI_ANSWER_MAX) {
		l->too_long = true;
		return CURL_WRITEFUNC_ERROR;
	}
	while (room < need)
		room *= 2;
	if (room != l->room) {
		bigger = realloc(l->body, room);
		if (!bigger)
			return CURL_WRITEFUNC_ERROR;
		l->body = bigger;
		l->room = room;
	}
	memcpy(l->body + l->len, bytes, size * n);
	l->len = need;
	return size * n;
}

static CURL *request(struct localapi *l, const char *url,
		     size_t (*sink)(char *, size_t, size_t, void *))
{
	CURL *c = curl_easy_init();

	if (!c)
		panic("no memory for libcurl");
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, l->socket);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, l->heard);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1l);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, sink);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, l);
	return c;
}

void localapi_follow(struct localapi *l)
{
	if (l->stream)
		return;
	l->stream = request(l, FOLLOW, on_stream);
	curl_multi_add_handle(l->multi, l->stream);
}

bool localapi_follows(const struct localapi *l)
{
	return l->stream;
}

void localapi_ask(struct localapi *l, msec_t limit)
{
	if (l->query)
		return;
	l->len = 0;
	l->too_long = false;
	l->query = request(l, STATUS, on_answer);
	curl_easy_setopt(l->query, CURLOPT_TIMEOUT_MS, (long)limit);
	curl_multi_add_handle(l->multi, l->query);
}

bool localapi_waits(const struct localapi *l)
{
	return l->query;
}

/* In the operator's words where they can do something about it. */
static void explain(struct localapi *l, CURL *c, CURLcode result)
{
	long code = 0, os = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &os);
	if (result == CURLE_COULDNT_CONNECT && (os == ENOENT || os == ECONNREFUSED))
		snprintf(l->why, sizeof(l->why), "tailscaled does not run (%s: %s)", l->socket,
			 strerror((int)os));
	else if (result == CURLE_COULDNT_CONNECT && os == EACCES)
		snprintf(l->why, sizeof(l->why),
			 "%s is not for this user: its folder must let others through (chmod o+x)",
			 l->socket);
	else if (result == CURLE_HTTP_RETURNED_ERROR && code == 403)
		snprintf(
			l->why, sizeof(l->why),
			"tailscaled refuses to answer this user (403): run as root, or make it the operator "
			"(tailscale set --operator=USER)");
	else if (l->too_long)
		snprintf(l->why, sizeof(l->why), "tailscaled's answer is longer than %u MiB",
			 LOCALAPI_ANSWER_MAX >> 20);
	else if (result == CURLE_OPERATION_TIMEDOUT)
		snprintf(l->why, sizeof(l->why), "tailscaled does not answer: it hangs");
	else if (result == CURLE_OK)
		snprintf(l->why, sizeof(l->why), "tailscaled ended the connection");
	else
		snprintf(l->why, sizeof(l->why), "talking to tailscaled: %.200s",
			 *l->heard ? l->heard : curl_easy_strerror(result));
}

static void finished(struct localapi *l, CURL *c, CURLcode result, struct localapi_news *out)
{
	if (c == l->query) {
		out->answered = true;
		out->answer = result == CURLE_OK ? l->body : NULL;
		out->len = l->len;
	} else {
		out->lost = true;
	}
	if (c == l->stream || result != CURLE_OK) {
		explain(l, c, result);
		out->why = l->why;
	}
	end(l, c == l->query ? &l->query : &l->stream);
}

/* True when a request has ended. */
static bool perform(struct localapi *l, struct localapi_news *out)
{
	CURLMsg *message;
	int running, left;
	bool any = false;

	curl_multi_perform(l->multi, &running);
	while ((message = curl_multi_info_read(l->multi, &left)))
		if (message->msg == CURLMSG_DONE) {
			finished(l, message->easy_handle, message->data.result, out);
			any = true;
		}
	return any;
}

void localapi_turn(struct localapi *l, int wait, struct localapi_news *out)
{
	*out = (struct localapi_news){ .why = "" };
	/* What fails at once leaves nothing to wait for. */
	if (!perform(l, out)) {
		curl_multi_poll(l->multi, NULL, 0, wait, NULL);
		perform(l, out);
	}
	out->changed = l->changed;
	l->changed = false;
}

void localapi_wake(struct localapi *l)
{
	curl_multi_wakeup(l->multi);
}
