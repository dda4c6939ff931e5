/* SPDX-License-Identifier: MIT */
/* What a round is started with: the environment of its chain. */
#include "cmd/round.h"
