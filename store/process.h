/* SPDX-License-Identifier: MIT */
/*
 * A process, named so that another process can tell later whether it still runs: host,
 * machine, boot id, process-id namespace, pid and the time when it started. Headers of journals and
 * claims hold these members.
 */
#ifndef PPGEN_STORE_PROCESS_H
#define PPGEN_STORE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"

enum process_state {
	PROCESS_UNKNOWN, /* of another machine or container: it cannot be judged from here */
	PROCESS_ALIVE,
	PROCESS_GONE
};

/* Appends this process as members of an object: "host":..,"boot":..,"machine_id":..,"ns":..,
 * "pid":..,"start":.. and, where it has one, "guardian":{"pid":..,"start":..} */
void process_put_self(struct buf *b);

/* From now on this process names that one as its guardian: what this one started may live until
 * both are gone. */
void process_set_guardian(pid_t pid);

/* Whether the machine runs since then, as far as that can be told: it is this one, and was not
 * started anew. */
bool process_same_boot(struct json object);

/* What has become of the process that such an object names. It is gone when its guardian is, too.
 */
enum process_state process_judge(struct json object);
/* The same, and who it is that lives, or may live: that process or its guardian. */
enum process_state process_judge_pid(struct json object, uint64_t *pid);

#endif
