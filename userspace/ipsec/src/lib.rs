// SPDX-License-Identifier: GPL-2.0-only

//! The KLIPS command-line tools.
