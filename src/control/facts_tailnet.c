#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/tailnet.h"
#include "control/facts.h"

static bool is_open(const char *path, mode_t others)
{
	struct stat st;

	return stat(path, &st) < 0 || (st.st_mode & others) == others;
}

/* What users without privileges cannot get through. */
static void find_closed(const char *socket, char *out, size_t size)
{
	char path[256];

	*out = '\0';
	for (const char *end = strchr(socket + 1, '/'); end; end = strchr(end + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(end - socket), socket);
		if (!is_open(path, S_IXOTH)) {
			snprintf(out, size, "%s", path);
			return;
		}
	}
	if (!is_open(socket, S_IROTH | S_IWOTH))
		snprintf(out, size, "%.200s", socket);
}

void facts_tailnet(struct facts *f)
{
	f->socket = f->config ? f->config->global.tailscale : TAILSCALE_SOCKET;
	if (strcmp(f->socket, TAILSCALE_OFF) == 0)
		f->socket = NULL;
	if (!f->socket)
		return;
	f->tailnet_known = tailnet_ask(f->socket, &f->tailnet, f->tailnet_why);
	find_closed(f->socket, f->socket_closed, sizeof(f->socket_closed));
}
