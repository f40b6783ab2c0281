/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The platform that the program is compiled for, by FL_PLATFORM_... of the compile step; without one, Linux. All else is written in its neutral names. */
#pragma once

#ifdef FL_PLATFORM_WINDOWS
#include "windows.h"
#else
#include "linux.h"
#endif
