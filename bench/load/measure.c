#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void machine_cpu(double *busy, double *stolen)
{
	double user, nice, system, idle, iowait, irq, softirq, steal;
	double hz = (double)sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "re");

	if (!f || fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle,
			 &iowait, &irq, &softirq, &steal) != 8)
		err(1, "/proc/stat");
	fclose(f);
	*busy = (user + nice + system + irq + softirq + steal) / hz;
	*stolen = steal / hz;
}

static double process_cpu(int pid)
{
	char path[64], text[1024];
	double user, system;
	const char *after_name;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		errx(1, "process %d is gone", pid);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	/* The name is in parentheses and may hold anything, so the fields are counted from its end. */
	after_name = strrchr(text, ')');
	if (!after_name ||
	    sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user,
		   &system) != 2)
		errx(1, "%s: not understood", path);
	return (user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double proxy_cpu(const struct measure *m)
{
	double sum = 0;

	for (int i = 0; i < m->npids; i++)
		sum += process_cpu(m->pids[i]);
	return sum;
}

void measure_plan(struct measure *m, const struct load *l)
{
	*m = (struct measure){ .pids = l->pids, .npids = l->npids };
	m->opens = clock_ns() + (uint64_t)(l->warmup * 1e9);
	m->span = (uint64_t)(l->seconds * 1e9);
}

void measure_begin(struct measure *m)
{
	m->open = true;
	m->proxy = -proxy_cpu(m);
	machine_cpu(&m->busy, &m->stolen);
	m->since = clock_ns();
}

void measure_end(struct measure *m)
{
	double busy, stolen;

	m->seconds = (double)(clock_ns() - m->since) / 1e9;
	machine_cpu(&busy, &stolen);
	m->busy = busy - m->busy;
	m->stolen = stolen - m->stolen;
	m->proxy += proxy_cpu(m);
	m->open = false;
}

enum measure_turn measure_turn(struct measure *m, uint64_t now)
{
	if (now < m->opens)
		return MEASURE_WAITS;
	if (!m->open) {
		measure_begin(m);
		/* From where it really opened: this process may have had to wait. */
		m->closes = m->since + m->span;
		return MEASURE_OPENS;
	}
	if (now < m->closes)
		return MEASURE_RUNS;
	measure_end(m);
	return MEASURE_CLOSES;
}

void measure_print(const struct measure *m, const char *mode, const char *unit, double units)
{
	double per = units > 0 ? 1 / units : 0;

	printf("{\"mode\":\"%s\",\"unit\":\"%s\",\"units\":%.10g,\"seconds\":%.6f,\"rate\":%.10g",
	       mode, unit, units, m->seconds, m->seconds > 0 ? units / m->seconds : 0);
	printf(",\"busy_s\":%.2f,\"stolen_s\":%.2f,\"proxy_s\":%.2f", m->busy, m->stolen, m->proxy);
	printf(",\"cpu_us_per_unit\":%.6g,\"proxy_us_per_unit\":%.6g", m->busy * per * 1e6,
	       m->proxy * per * 1e6);
}
