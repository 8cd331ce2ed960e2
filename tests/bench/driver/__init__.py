# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmark does on the host: plan a run, boot the guest, read what came of it, and tell."""
