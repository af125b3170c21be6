/* metrics - a status (answer.h) as Prometheus reads it: text exposition format 0.0.4.
 * Pure; any thread. https://prometheus.io/docs/instrumenting/exposition_formats/ */
#ifndef TAILSPLICE_CONTROL_METRICS_H
#define TAILSPLICE_CONTROL_METRICS_H

#include <jansson.h>
#include <stddef.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The text, *length bytes of it; the caller frees it. */
char *metrics_text(const json_t *status, size_t *length);

#endif
