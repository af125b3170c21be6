/* text - figures and words as people read them in a terminal. What comes from elsewhere is cleaned:
 * no control character gets through. Columns are counted as one for each character of UTF-8. Any thread. */
#ifndef TAILSPLICE_CONTROL_TEXT_H
#define TAILSPLICE_CONTROL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Room for each of the figures below and its NUL. */
#define TEXT_FIGURE 24

/* "512 B", "1.5 KiB", "24 MiB": at most 8 characters. Returns `out`. */
char *text_bytes(uint64_t bytes, char out[static TEXT_FIGURE]);

/* Bytes a second, as bits: "12.3 Mbit/s", at most 11 characters. */
char *text_bits(double bytes_per_s, char out[static TEXT_FIGURE]);

/* "4711", from 100 million on "123M": at most 8 characters. */
char *text_count(uint64_t n, char out[static TEXT_FIGURE]);

/* Two units: "350ms", "45s", "12m05s", "3h20m", "4d07h": at most 8 characters up to 27 years. */
char *text_span(uint64_t ms, char out[static TEXT_FIGURE]);

/* Control characters (C0, DEL, C1) become '?', in place. Returns `text`. */
char *text_clean(char *text);

/* Columns it takes. */
size_t text_columns(const char *text);

/* Bytes of its first `columns` columns, or all of them. */
size_t text_cut(const char *text, size_t columns);

/* "label  words words", broken between words so that no line is over `width`; the lines that follow start
 * below the words, at column `indent`. A word longer than a line is broken anywhere. */
void text_field(FILE *to, const char *label, size_t indent, size_t width, const char *words);

#endif
