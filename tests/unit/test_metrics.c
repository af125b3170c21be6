/* A status as Prometheus reads it: every sample has its family's words before it, labels cannot break out. */
#include "control/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "check.h"

static const char status[] =
	"{\"version\": \"1.2\\\"\\\\\\n3\", \"state\": \"draining\", \"uptime_s\": 7,"
	" \"config\": {\"hash\": \"abc\", \"reloads\": 3, \"failed_reloads\": 1},"
	" \"flows\": {\"live\": 2, \"max\": 10, \"accepted\": 9}, \"bytes\": {\"up\": 5, \"down\": 6},"
	" \"ends\": {\"idle\": 4}, \"refusals\": {}, \"paths\": {\"copy\": 1, \"splice\": 2}, \"bans\": 8,"
	" \"log\": {\"dropped\": 11}, \"listeners\": [{\"name\": \"mail\", \"address\": \"[::]:25\", \"live\": 1,"
	" \"accepted\": 2, \"refused\": 3, \"up\": 4, \"down\": 5}], \"backends\": [{\"name\": \"b\", \"live\": 1,"
	" \"connects\": 2, \"failed\": 3, \"up\": 4, \"down\": 5, \"connect_ms\": {\"sum\": 1500,"
	" \"classes\": {\"1\": 2, \"250\": 0, \"inf\": 1}},"
	" \"servers\": [{\"name\": \"m.ts.net\", \"state\": \"drain\", \"live\": 3, \"age_s\": 7,"
	" \"addresses\": [{\"address\": \"100.64.0.1\", \"up\": true}, {\"address\": \"fd7a::1\", \"up\": false}]},"
	" {\"name\": \"192.0.2.1:25\", \"state\": \"ready\", \"live\": 0, \"age_s\": null}]}]}";

static char *text_of(const char *json)
{
	json_t *object = json_loads(json, 0, NULL);
	size_t length;
	char *text;

	cr_assert(object);
	text = metrics_text(object, &length);
	expect_num(length, strlen(text), "length");
	json_decref(object);
	return text;
}

Test(metrics, samples)
{
	static const char *const lines[] = {
		"# TYPE tailsplice_flows gauge\n",
		"\ntailsplice_info{version=\"1.2\\\"\\\\\\n3\",config=\"abc\"} 1\n",
		"\ntailsplice_draining 1\n",
		"\ntailsplice_reload_failures_total 1\n",
		"\ntailsplice_flows 2\n",
		"\ntailsplice_flows_ended_total{why=\"idle\"} 4\n",
		"\ntailsplice_flows_moved_total{path=\"splice\"} 2\n",
		"\ntailsplice_bytes_total{direction=\"down\"} 6\n",
		"\ntailsplice_listener_refused_total{listener=\"mail\",address=\"[::]:25\"} 3\n",
		"\ntailsplice_listener_bytes_total{listener=\"mail\",address=\"[::]:25\",direction=\"up\"} 4\n",
		"\ntailsplice_backend_failures_total{backend=\"b\"} 3\n",
		"\ntailsplice_backend_connect_duration_seconds_bucket{backend=\"b\",le=\"0.001\"} 2\n",
		"\ntailsplice_backend_connect_duration_seconds_bucket{backend=\"b\",le=\"0.25\"} 2\n",
		"\ntailsplice_backend_connect_duration_seconds_bucket{backend=\"b\",le=\"+Inf\"} 3\n",
		"\ntailsplice_backend_connect_duration_seconds_sum{backend=\"b\"} 1.5\n",
		"\ntailsplice_backend_connect_duration_seconds_count{backend=\"b\"} 3\n",
		"\ntailsplice_server_flows{backend=\"b\",server=\"m.ts.net\"} 3\n",
		"\ntailsplice_server_state{backend=\"b\",server=\"m.ts.net\",state=\"drain\"} 1\n",
		"\ntailsplice_server_state{backend=\"b\",server=\"m.ts.net\",state=\"ready\"} 0\n",
		"\ntailsplice_server_state{backend=\"b\",server=\"192.0.2.1:25\",state=\"ready\"} 1\n",
		"\ntailsplice_server_address_up{backend=\"b\",server=\"m.ts.net\",address=\"fd7a::1\"} 0\n",
		"\ntailsplice_server_name_age_seconds{backend=\"b\",server=\"m.ts.net\"} 7\n",
	};
	char *text = text_of(status);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect(strstr(text, lines[i]), "%s in:\n%s", lines[i], text);
	free(text);
}

/* A family is announced once, and all its samples follow it. */
Test(metrics, families)
{
	char *text = text_of(status), *rest = text, *line, family[200] = "", announced[8000] = "";

	while ((line = strsep(&rest, "\n")) && *line) {
		if (strncmp(line, "# TYPE ", 7) == 0) {
			snprintf(family, sizeof(family), " %.*s ", (int)strcspn(line + 7, " "),
				 line + 7);
			cr_expect(!strstr(announced, family), "%s twice", family);
			strncat(announced, family, sizeof(announced) - strlen(announced) - 1);
			family[strlen(family) - 1] = '\0';
		} else if (*line != '#') {
			cr_expect(strncmp(line, family + 1, strlen(family + 1)) == 0, "%s below%s",
				  line, family);
		}
	}
	free(text);
}

/* What is missing counts as nothing. */
Test(metrics, of_nothing)
{
	char *text = text_of("{}");

	cr_expect(strstr(text, "\ntailsplice_flows 0\n"), "%s", text);
	free(text);
}
