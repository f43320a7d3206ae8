"""The calls of Linux that programs may make, by number on x86-64; every other one is refused.

A list of what is forbidden forgets something, and each new kernel adds to what it has forgotten.
Numbers: `asm/unistd_64.h`; what a call is for stands in its manual page.
"""

from __future__ import annotations

ALLOWED = {
    # What is open.
    "read": 0,
    "pread64": 17,
    "readv": 19,
    "preadv": 295,
    "preadv2": 327,
    "lseek": 8,
    "write": 1,
    "pwrite64": 18,
    "writev": 20,
    "pwritev": 296,
    "pwritev2": 328,
    "sendfile": 40,
    "copy_file_range": 326,
    "fallocate": 285,
    "ftruncate": 77,
    "truncate": 76,
    "fsync": 74,
    "fdatasync": 75,
    "dup": 32,
    "dup2": 33,
    "dup3": 292,
    "pipe": 22,
    "pipe2": 293,
    "umask": 95,
    # Files and folders by their paths; what may be reached is Landlock's to decide.
    "open": 2,
    "creat": 85,
    "openat": 257,
    "openat2": 437,
    "close": 3,
    "close_range": 436,
    "stat": 4,
    "fstat": 5,
    "lstat": 6,
    "newfstatat": 262,
    "statx": 332,
    "statfs": 137,
    "fstatfs": 138,
    "access": 21,
    "faccessat": 269,
    "faccessat2": 439,
    "readlink": 89,
    "readlinkat": 267,
    "getdents": 78,
    "getdents64": 217,
    "getcwd": 79,
    "chdir": 80,
    "fchdir": 81,
    "mkdir": 83,
    "mkdirat": 258,
    "rmdir": 84,
    "rename": 82,
    "renameat": 264,
    "renameat2": 316,
    "unlink": 87,
    "unlinkat": 263,
    "link": 86,
    "linkat": 265,
    "symlink": 88,
    "symlinkat": 266,
    # Memory and threads.
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "mremap": 25,
    "msync": 26,
    "madvise": 28,
    "futex": 202,
    "set_robust_list": 273,
    "set_tid_address": 218,
    "rseq": 334,
    "sched_yield": 24,
    "sched_getaffinity": 204,
    "getcpu": 309,
    "arch_prctl": 158,
    "sched_getparam": 143,
    "sched_getscheduler": 145,
    "sched_get_priority_max": 146,
    "sched_get_priority_min": 147,
    "getpriority": 140,
    # Signals of its own.
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "rt_sigpending": 127,
    "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130,
    "sigaltstack": 131,
    "pause": 34,
    "restart_syscall": 219,
    "signalfd": 282,
    "signalfd4": 289,
    # Waiting.
    "poll": 7,
    "ppoll": 271,
    "select": 23,
    "pselect6": 270,
    "epoll_create": 213,
    "epoll_create1": 291,
    "epoll_ctl": 233,
    "epoll_wait": 232,
    "epoll_pwait": 281,
    "epoll_pwait2": 441,
    "eventfd": 284,
    "eventfd2": 290,
    "wait4": 61,
    "waitid": 247,
    # Time.
    "nanosleep": 35,
    "clock_nanosleep": 230,
    "gettimeofday": 96,
    "time": 201,
    "times": 100,
    "clock_gettime": 228,
    "clock_getres": 229,
    "getitimer": 36,
    "setitimer": 38,
    "alarm": 37,
    "timer_create": 222,
    "timer_settime": 223,
    "timer_gettime": 224,
    "timer_getoverrun": 225,
    "timer_delete": 226,
    "timerfd_create": 283,
    "timerfd_settime": 286,
    "timerfd_gettime": 287,
    # Of itself and the machine.
    "getpid": 39,
    "gettid": 186,
    "getppid": 110,
    "getpgrp": 111,
    "getpgid": 121,
    "getsid": 124,
    "getuid": 102,
    "geteuid": 107,
    "getgid": 104,
    "getegid": 108,
    "getgroups": 115,
    "getresuid": 118,
    "getresgid": 120,
    "getrlimit": 97,
    "setrlimit": 160,
    "getrusage": 98,
    "uname": 63,
    "sysinfo": 99,
    "getrandom": 318,
    "exit": 60,
    "exit_group": 231,
}
"""Whatever their arguments are."""

PRETENDED = {
    "chmod": 90,
    "fchmod": 91,
    "fchmodat": 268,
    "fchmodat2": 452,
    "flock": 73,
}
"""Calls that say they have worked, and do nothing.

Landlock does not hold them, so they would reach files of the machine. A refusal would break
`shutil.copy` and databases in the scratch folder, where modes and locks mean nothing: one process
of one user is all that ever sees it. Owners are refused, as an ordinary user is used to."""

UNKNOWN_NOTES = {
    "setxattr": 188,
    "lsetxattr": 189,
    "fsetxattr": 190,
    "getxattr": 191,
    "lgetxattr": 192,
    "fgetxattr": 193,
    "listxattr": 194,
    "llistxattr": 195,
    "flistxattr": 196,
    "removexattr": 197,
    "lremovexattr": 198,
    "fremovexattr": 199,
}
"""Answered as by a file system without attributes, which `shutil.copy2` is prepared for."""

FIRST, SECOND, THIRD, FOURTH = 0, 1, 2, 3
"""Positions of arguments that are looked at: of each only the lower half, as the kernel does."""

FCNTL, IOCTL, PRCTL, MMAP, UTIMENSAT = 72, 16, 157, 9, 280
CLONE, CLONE3, KILL, TGKILL, PRLIMIT = 56, 435, 62, 234, 302

FCNTL_ALLOWED = {
    "F_DUPFD": 0,
    "F_GETFD": 1,
    "F_SETFD": 2,
    "F_GETFL": 3,
    "F_SETFL": 4,
    "F_GETLK": 5,
    "F_DUPFD_CLOEXEC": 1030,
    "F_GETPIPE_SZ": 1032,
}
"""Without owners and signals of files (they reach any process), leases and hints (they reach files
that may only be read), and larger pipes."""

FCNTL_PRETENDED = {"F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "F_OFD_SETLKW": 38}
"""Locks, as `flock`."""

IOCTL_ALLOWED = {
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
}

PRCTL_ALLOWED = {
    "PR_GET_DUMPABLE": 3,
    "PR_SET_NAME": 15,
    "PR_GET_NAME": 16,
    "PR_GET_SECCOMP": 21,
    "PR_SET_NO_NEW_PRIVS": 38,
    "PR_GET_NO_NEW_PRIVS": 39,
}
"""Without PR_SET_PDEATHSIG above all: a session must not outlive who started it."""

YOUNG = 424
"""From this number on, calls are told to be unknown: libraries try younger ones first, and fall
back on older ones if they hear so."""
