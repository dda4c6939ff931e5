/* SPDX-License-Identifier: MIT */
#include "run/pool_internal.h"
