# SPDX-License-Identifier: GPL-2.0-only
"""What the guest tests share: reporting, namespaces, gateways, PF_KEY, packets, counters."""
