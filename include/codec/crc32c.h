/* crc32c - CRC-32C (Castagnoli), as the PROXY protocol and iSCSI use it. Source: RFC 3385, RFC 3720 12.1.
 * Pure: no descriptor, no allocation, no log. */
#ifndef TAILSPLICE_CODEC_CRC32C_H
#define TAILSPLICE_CODEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of n more bytes, behind those that gave `crc`; 0 to begin with. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
