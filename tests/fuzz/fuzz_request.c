/* One line of the control protocol, as any local process may send it. */
#include "control/request.h"

#include <errno.h>
#include <string.h>

#include "fuzz.h"

static void judge(const struct request *r)
{
	char text[NET_TEXT];
	struct net again;

	MUST(r->verb == &verbs[r->verb->id]);
	MUST(memchr(r->listener, '\0', sizeof(r->listener)));
	MUST(r->limit <= 1000000);
	MUST(r->ttl == 0 || (r->ttl >= 1000 && r->ttl <= 365ull * 86400000));
	if (r->verb->id == VERB_BAN || r->verb->id == VERB_UNBAN)
		MUST(r->has_net);
	/* A zone may name an interface that only this machine has. */
	if (r->has_net && !strchr(net_format(&r->net, text), '%'))
		MUST(net_parse(&again, text) == 0 && net_equal(&again, &r->net));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct request r;
	char why[256];
	int err = request_parse((const char *)bytes, size, &r, why, sizeof(why));

	MUST(err == 0 || err == -EINVAL || err == -E2BIG);
	if (err == 0) {
		judge(&r);
		return 0;
	}
	MUST(memchr(why, '\0', sizeof(why)) && why[0]);
	for (const char *p = why; *p; p++)
		MUST(*p >= ' ' && *p <= '~');
	return 0;
}
