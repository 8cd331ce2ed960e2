// SPDX-License-Identifier: GPL-2.0-only

//! The kernel edge of the KLIPS tools: PF_KEY socket and device ioctls.
