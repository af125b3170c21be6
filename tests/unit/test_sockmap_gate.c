/* Kernels with and without the fixes, as they name themselves. */
#include "relay/sockmap_gate.h"

#include "base/bits.h"
#include "check.h"

static const struct {
	const char *release, *version;
	bool good;
} kernels[] = {
	/* clang-format off */
	{ "6.1.141", "#1 SMP", false },
	{ "6.1.142", "#1 SMP", true },
	{ "6.1.200-custom", "#1 SMP", true },
	{ "6.6.93", "#1 SMP", false },
	{ "6.6.94", "#1 SMP", true },
	{ "6.12.33", "#1 SMP", false },
	{ "6.12.34", "#1 SMP", true },
	{ "6.15.2", "#1 SMP", false },
	{ "6.15.3", "#1 SMP", true },
	{ "6.16.0", "#1 SMP", true },
	{ "6.16", "#1 SMP", true },
	{ "6.18.44-fc-v769", "#1 SMP PREEMPT_DYNAMIC @0", true },
	{ "7.0.0-rc1", "#1 SMP", true },
	/* Series that ended before the fixes. */
	{ "5.10.240", "#1 SMP", false },
	{ "5.15.300", "#1 SMP", false },
	{ "6.2.16", "#1 SMP", false },
	{ "6.8.0-52-generic", "#53-Ubuntu SMP PREEMPT_DYNAMIC", false },
	{ "6.11.999", "#1 SMP", false },
	{ "6.13.12", "#1 SMP", false },
	{ "6.14.11", "#1 SMP", false },
	/* Debian names the kernel it took in the version. */
	{ "6.1.0-37-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)", false },
	{ "6.1.0-38-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.147-1 (2025-08-02)", true },
	{ "6.12.32+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.32-1 (2025-06-07)", false },
	{ "6.12.48+deb13-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.48-1 (2025-09-20)", true },
	{ "6.1.142", "#1 SMP Debian something", true },
	{ "", "", false },
	{ "six", "Debian", false },
	/* clang-format on */
};

Test(sockmap_gate, kernels)
{
	for (size_t i = 0; i < ARRAY_LEN(kernels); i++)
		cr_expect(sockmap_gate(kernels[i].release, kernels[i].version) == kernels[i].good,
			  "%s %s", kernels[i].release, kernels[i].version);
}
