// SPDX-License-Identifier: GPL-2.0-only
/*
 * Non-trivial C macros and inline functions cannot be called from Rust. One file per subject, in alphabetical order.
 */
#include "helpers.h"

#include "helpers/branch.c"
#include "helpers/crypto.c"
#include "helpers/early.c"
#include "helpers/layout.c"
#include "helpers/netdevice.c"
#include "helpers/netns.c"
#include "helpers/percpu.c"
#include "helpers/policy.c"
#include "helpers/route.c"
#include "helpers/skbuff.c"
#include "helpers/sock.c"
#include "helpers/spread.c"
#include "helpers/work.c"
