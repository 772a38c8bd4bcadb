/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport_shed.h - whose connection ends when a listener holds too much for its clients together: answers
 * that nobody reads, frames that do not come to their end. Pure.
 *
 * The machine that has most of it in all, and of its connections the one with most: many small ones
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
	size_t bytes; /* that are held; 0: is not looked at */
};

/* A place in the array; count: nothing is held. */
uint32_t shed_choose(const struct shed_item *items, uint32_t count);

#endif
