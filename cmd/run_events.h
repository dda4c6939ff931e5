/* SPDX-License-Identifier: MIT */
/*
 * ppgen run --json: what happens, on stdout, as it happens: a JSON object a line.
 *
 *   {"event":"plan","plan":1,"tasks":100,"good":40,"todo":60,"run":"/abs/rundir"}
 *   {"event":"start","task":"t..","index":5,"attempt":1}
 *   {"event":"end","task":"t..","index":5,"attempt":1,"outcome":"ok","retried":false,"wall":0.1000,
 *    "why":"..","value":["output/ab/W.out",OFFSET,LEN]}
 *   {"event":"good","file":"output/ab/W.out","offset":OFFSET,"index":[5,7],"length":[LEN,LEN]}
 *   {"event":"stopping","text":".."}
 *   {"event":"summary","ok":90,"failed":3,"interrupted":1,"missing":7,"exit":1}
 *
 * start: of a task that runs for a moment already. end: "row":{..} is the one row that it gave,
 * where that is small; else "value" says where the value is that a function returned; "why" where
 * there is a reason. good: of tasks that are good and have a value, one behind the other in the
 * file; only where it is asked for. summary: of the tasks that are meant (plan's "tasks") how many
 * are good, failed, or neither; interrupted: attempts of tasks that were cut off. Readers pass over
 * what they do not know.
 *
 * A reader that is slow delays nothing: what it has not taken waits in memory, up to 64 MiB. One
 * that is gone is no fault either.
 */
#ifndef PPGEN_CMD_RUN_EVENTS_H
#define PPGEN_CMD_RUN_EVENTS_H

#include "cmd/run_session.h"

struct run_events;
/* together: "good" instead of "end" where it can be. */
struct run_events *run_events_new(int fd, bool together);
void run_events_free(struct run_events *x); /* writes what is left */

/* Nothing is told where x is NULL, and no summary where there was no plan. */
void run_events_plan(struct run_events *x, const struct session *s);
void run_events_pool(struct run_events *x, const struct pool_event *ev);
void run_events_summary(struct run_events *x, const struct session *s, int code);

#endif
