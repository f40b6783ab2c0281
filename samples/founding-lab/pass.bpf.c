/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passes every frame (2 is XDP_PASS). The lab attaches it to the switch's end of each veth pair: a veth device hands frames
 * of XDP_TX and XDP_REDIRECT over only to a peer that runs an XDP program itself. Measured on Linux 6.18 with 2000 frames
 * that a program sent back by XDP_TX: 0 arrived without it, 2 with GRO on the peer, all 2000 with it.
 * With jumbo frames it must be one that takes frames of several buffers (Linux 5.18).
 */
__attribute__((section("xdp"), used)) int pass(void *ctx)
{
	return 2;
}

__attribute__((section("xdp.frags"), used)) int pass_jumbo(void *ctx)
{
	return 2;
}
