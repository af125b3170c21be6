/* What a server may say: no verdict that more bytes take back, no text outside of what was said. */
#include "codec/banner.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct banner before, g;

	banner_read(bytes, 0, &before);
	for (size_t n = 0; n <= size && n < 600; n++) {
		banner_read(bytes, n, &g);
		MUST(!before.complete || g.complete);
		MUST(!before.refused || g.refused);
		MUST(!before.objected || g.objected);
		MUST(!before.farewell || g.farewell);
		MUST(!before.speech || before.speech == g.speech);
		MUST(!before.code || before.code == g.code);
		MUST(!g.refused || g.complete);
		MUST(!g.objected || (g.complete && !g.refused));
		MUST(!g.text_len || (g.text >= bytes && g.text + g.text_len <= bytes + n));
		before = g;
	}
	banner_read(bytes, size, &g);
	MUST(speech_name(g.speech) && software_name(g.software));
	return 0;
}
