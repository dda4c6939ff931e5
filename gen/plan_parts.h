/* SPDX-License-Identifier: MIT */
/* Private to plan_save.c and plan_load.c. */
#ifndef PPGEN_GEN_PLAN_PARTS_H
#define PPGEN_GEN_PLAN_PARTS_H

#include "gen/plan.h"

#define PLAN_FORMAT 1 /* of run.json and what it stands for: a newer one is refused by name */

#endif
