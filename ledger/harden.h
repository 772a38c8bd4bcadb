/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harden.h - what a program that holds private keys does before anything else.
 */
#ifndef LEDGER_HARDEN_H
#define LEDGER_HARDEN_H

/*
 * No core file, no debugger of another process of the same user (Linux: not dumpable). Keys themselves lie in
 * memory that is locked and in no core file: crypto_guard_keys().
 */
void harden_process(void);

#endif
