/* SPDX-License-Identifier: GPL-2.0-only */
/* The exit codes that the programs' --help promises. */
#ifndef TYPE1P_EXIT_CODE_H
#define TYPE1P_EXIT_CODE_H

enum exit_code {
	RESULT_OK = 0,
	RESULT_FAILED = 1,
	RESULT_USAGE = 2,
	RESULT_BUSY = 3,
	RESULT_NO_VFIO = 4,
	RESULT_BACKEND = 5,
	RESULT_SYSTEM = 6,
	RESULT_SIGNAL = 128,		/* plus the number of the signal */
};

#endif
