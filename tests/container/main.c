// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the container ABI, on both backends. The kselftest harness keeps
 * its list of tests in static data, so all of them are one translation unit;
 * they run in the order of these lines.
 */
#include "fixture.h"
#include "emulated_fixture.h"
#include "slowfile.h"
#include "helpers.h"
#include "cgroup.h"

#include "params.c"
#include "open.c"
#include "extension.c"
#include "info.c"
#include "map.c"
#include "map_memory.c"
#include "map_pfnmap.c"
#include "unmap_v2.c"
#include "unmap_v1.c"
#include "vaddr.c"
#include "dma.c"
#include "accounting.c"
#include "replace.c"
#include "replace_file.c"
#include "attach.c"
#include "lifetime.c"
#include "concurrency.c"
#include "race.c"
#include "hostile.c"
#include "kill.c"
#include "device_pin.c"
#include "device_rw.c"
#include "device_unmap.c"
#include "device_groups.c"
#include "dirty.c"
#include "dirty_bits.c"
#include "device_vaddr.c"
#include "device_close.c"
#include "device_wait.c"
#include "device_file.c"
#include "helpers.c"
#include "helpers_fail.c"
#include "helpers_end.c"
#include "helpers_wait.c"
#include "helpers_charge.c"
#include "helpers_numa.c"
#include "views.c"
#include "traces.c"

#include "patience.c"

TEST_HARNESS_MAIN
