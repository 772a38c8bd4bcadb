/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_shed.h - whose connection ends when the answers that nobody reads are too many together. Pure.
 *
 * The machine that has most of them waiting in all, and of its connections the one with most: many small ones
 * of one machine do not push out one that is slow. A machine is the origin of a connection (an IPv4 address,
 * a /64 of IPv6).
 */
#ifndef NET_TRANSPORT_SHED_H
#define NET_TRANSPORT_SHED_H

#include <stddef.h>
#include <stdint.h>

#define ORIGIN_BYTES 8

struct shed_item {
	uint8_t origin[ORIGIN_BYTES];
	size_t bytes; /* that wait to be sent; 0: is not looked at */
};

/* A place in the array; count: nothing waits. */
uint32_t shed_choose(const struct shed_item *items, uint32_t count);

#endif
