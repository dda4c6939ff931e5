/* SPDX-License-Identifier: MIT */
/* Private to record.c, which writes it, and record_decode.c: what every record ends in. */
#ifndef PPGEN_STORE_RECORD_SEAL_H
#define PPGEN_STORE_RECORD_SEAL_H

#define SEAL_HEAD     ",\"crc\":\""
#define SEAL_HEAD_LEN (sizeof SEAL_HEAD - 1)
#define SEAL_LEN      (SEAL_HEAD_LEN + 8 + 2) /* the digits, the quote, the brace */

#endif
