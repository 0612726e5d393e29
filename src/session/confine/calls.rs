//! Which system calls an isolated guest may make: one table for all CPUs. Pure data.
//!
//! [`TABLE`] follows the default profile of Docker (`seccomp/default.json` of github.com/moby/profiles, as of May 2026),
//! with the numbers of `syscall.tbl` and `unistd.h` in Linux 6.17. What differs from it:
//!
//! - a few more calls of old 32-bit programs are given;
//! - `socketcall` is given to guests of 32-bit x86 alone: a filter cannot see which socket is asked for;
//! - ptrace(2) needs a PID namespace, too.

use rustix::thread::CapabilitySet as Cap;

/// The columns of [`Numbers`]. arm64 and riscv64 have the generic ones.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "each machine has some of them")]
pub(super) enum Column {
    X86_64,
    I386,
    Arm,
    Generic,
}

/// One call's numbers, by [`Column`].
pub(super) type Numbers = [u16; 4];

/// Not on that CPU.
pub(super) const NO: u16 = u16::MAX;

/// All numbers are below.
pub(super) const END: usize = 512;

/// ARM's own calls, `set_tls` and `cacheflush` among them.
pub(super) const ARM_PRIVATE: std::ops::Range<u32> = 0x000f_0001..0x000f_0007;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Every program.
    All,
    /// Those that may look into their children: ptrace(2) and what follows its rules.
    Tracers,
    /// Who has been given one of these capabilities.
    Holders(Cap),
    /// No program: the kernel has often been attacked by way of them, or no namespace confines what they reach.
    Nobody,
}

// Their arguments decide.
pub(super) const SOCKET: Numbers = [41, 359, 281, 198];
pub(super) const SOCKETPAIR: Numbers = [53, 360, 288, 199];
pub(super) const CLONE: Numbers = [56, 120, 120, 220];
pub(super) const UNSHARE: Numbers = [272, 310, 337, 97];
pub(super) const IOCTL: Numbers = [16, 54, 54, 29];
pub(super) const PERSONALITY: Numbers = [135, 136, 136, 92];
// Their arguments would decide, but are not to be seen.
pub(super) const CLONE3: Numbers = [435, 435, 435, 435];
pub(super) const SOCKETCALL: Numbers = [NO, 102, NO, NO];

/// Each call stands here once. What is not here answers `ENOSYS`, as on a kernel that does not have it.
#[rustfmt::skip]
pub(super) const TABLE: &[(For, &[Numbers])] = &[
    (For::All, EVERYDAY),
    (For::Tracers, &[
        [101, 26, 26, 117], // ptrace
        [310, 347, 376, 270], // process_vm_readv
        [311, 348, 377, 271], // process_vm_writev
    ]),
    (For::Holders(Cap::SYS_PTRACE), &[
        [312, 349, 378, 272], // kcmp
        [438, 438, 438, 438], // pidfd_getfd
        [440, 440, 440, 440], // process_madvise
        [323, 374, 388, 282], // userfaultfd
    ]),
    (For::Holders(Cap::SYS_ADMIN), &[
        [300, 338, 367, 262], // fanotify_init
        [431, 431, 431, 431], // fsconfig
        [432, 432, 432, 432], // fsmount
        [430, 430, 430, 430], // fsopen
        [433, 433, 433, 433], // fspick
        [212, 253, 249, 18], // lookup_dcookie
        [459, 459, 459, 459], // lsm_get_self_attr
        [461, 461, 461, 461], // lsm_list_modules
        [460, 460, 460, 460], // lsm_set_self_attr
        [165, 21, 21, 40], // mount
        [442, 442, 442, 442], // mount_setattr
        [429, 429, 429, 429], // move_mount
        [428, 428, 428, 428], // open_tree
        [467, 467, 467, 467], // open_tree_attr
        [155, 217, 218, 41], // pivot_root
        [179, 131, 131, 60], // quotactl
        [443, 443, 443, 443], // quotactl_fd
        [171, 121, 121, 162], // setdomainname
        [170, 74, 74, 161], // sethostname
        [308, 346, 375, 268], // setns
        [167, 87, 87, 224], // swapon
        [168, 115, 115, 225], // swapoff
        [NO, 22, NO, NO], // umount
        [166, 52, 52, 39], // umount2
    ]),
    (For::Holders(Cap::SYS_ADMIN.union(Cap::BPF)), &[
        [321, 357, 386, 280], // bpf
    ]),
    (For::Holders(Cap::SYS_ADMIN.union(Cap::PERFMON)), &[
        [298, 336, 364, 241], // perf_event_open
    ]),
    (For::Holders(Cap::SYS_ADMIN.union(Cap::SYSLOG)), &[
        [103, 103, 103, 116], // syslog
    ]),
    (For::Holders(Cap::DAC_READ_SEARCH), &[
        [304, 342, 371, 265], // open_by_handle_at
    ]),
    (For::Holders(Cap::SYS_BOOT), &[
        [169, 88, 88, 142], // reboot
        [246, 283, 347, 104], // kexec_load
        [320, NO, 401, 294], // kexec_file_load
    ]),
    (For::Holders(Cap::SYS_CHROOT), &[
        [161, 61, 61, 51], // chroot
    ]),
    (For::Holders(Cap::SYS_MODULE), &[
        [175, 128, 128, 105], // init_module
        [313, 350, 379, 273], // finit_module
        [176, 129, 129, 106], // delete_module
    ]),
    (For::Holders(Cap::SYS_NICE), &[
        [239, 275, 320, 236], // get_mempolicy
        [237, 274, 319, 235], // mbind
        [238, 276, 321, 237], // set_mempolicy
        [450, 450, 450, 450], // set_mempolicy_home_node
        [256, 294, 400, 238], // migrate_pages
        [279, 317, 344, 239], // move_pages
    ]),
    (For::Holders(Cap::SYS_PACCT), &[
        [163, 51, 51, 89], // acct
    ]),
    (For::Holders(Cap::SYS_RAWIO), &[
        [172, 110, NO, NO], // iopl
        [173, 101, NO, NO], // ioperm
    ]),
    (For::Holders(Cap::SYS_TIME), &[
        [164, 79, 79, 170], // settimeofday
        [NO, 25, NO, NO], // stime
        [227, 264, 262, 112], // clock_settime
        [NO, 404, 404, NO], // clock_settime64
    ]),
    (For::Holders(Cap::SYS_TTY_CONFIG), &[
        [153, 111, 111, 58], // vhangup
    ]),
    (For::Nobody, &[
        [425, 425, 425, 425], // io_uring_setup
        [426, 426, 426, 426], // io_uring_enter
        [427, 427, 427, 427], // io_uring_register
        [248, 286, 309, 217], // add_key
        [249, 287, 310, 218], // request_key
        [250, 288, 311, 219], // keyctl
    ]),
];

#[rustfmt::skip]
const EVERYDAY: &[Numbers] = &[
    /* accept */ [43, NO, 285, 202], /* accept4 */ [288, 364, 366, 242],
    /* access */ [21, 33, 33, NO], /* adjtimex */ [159, 124, 124, 171],
    /* alarm */ [37, 27, NO, NO], /* bind */ [49, 361, 282, 200],
    /* brk */ [12, 45, 45, 214], /* cachestat */ [451, 451, 451, 451],
    /* capget */ [125, 184, 184, 90], /* capset */ [126, 185, 185, 91],
    /* chdir */ [80, 12, 12, 49], /* chmod */ [90, 15, 15, NO],
    /* chown */ [92, 182, 182, NO], /* chown32 */ [NO, 212, 212, NO],
    /* clock_adjtime */ [305, 343, 372, 266], /* clock_adjtime64 */ [NO, 405, 405, NO],
    /* clock_getres */ [229, 266, 264, 114], /* clock_getres_time64 */ [NO, 406, 406, NO],
    /* clock_gettime */ [228, 265, 263, 113], /* clock_gettime64 */ [NO, 403, 403, NO],
    /* clock_nanosleep */ [230, 267, 265, 115], /* clock_nanosleep_time64 */ [NO, 407, 407, NO],
    /* close */ [3, 6, 6, 57], /* close_range */ [436, 436, 436, 436],
    /* connect */ [42, 362, 283, 203], /* copy_file_range */ [326, 377, 391, 285],
    /* creat */ [85, 8, 8, NO], /* dup */ [32, 41, 41, 23],
    /* dup2 */ [33, 63, 63, NO], /* dup3 */ [292, 330, 358, 24],
    /* epoll_create */ [213, 254, 250, NO], /* epoll_create1 */ [291, 329, 357, 20],
    /* epoll_ctl */ [233, 255, 251, 21], /* epoll_ctl_old */ [214, NO, NO, NO],
    /* epoll_pwait */ [281, 319, 346, 22], /* epoll_pwait2 */ [441, 441, 441, 441],
    /* epoll_wait */ [232, 256, 252, NO], /* epoll_wait_old */ [215, NO, NO, NO],
    /* eventfd */ [284, 323, 351, NO], /* eventfd2 */ [290, 328, 356, 19],
    /* execve */ [59, 11, 11, 221], /* execveat */ [322, 358, 387, 281],
    /* exit */ [60, 1, 1, 93], /* exit_group */ [231, 252, 248, 94],
    /* faccessat */ [269, 307, 334, 48], /* faccessat2 */ [439, 439, 439, 439],
    /* fadvise64 */ [221, 250, NO, 223], /* fadvise64_64 */ [NO, 272, NO, NO],
    /* fallocate */ [285, 324, 352, 47], /* fanotify_mark */ [301, 339, 368, 263],
    /* fchdir */ [81, 133, 133, 50], /* fchmod */ [91, 94, 94, 52],
    /* fchmodat */ [268, 306, 333, 53], /* fchmodat2 */ [452, 452, 452, 452],
    /* fchown */ [93, 95, 95, 55], /* fchown32 */ [NO, 207, 207, NO],
    /* fchownat */ [260, 298, 325, 54], /* fcntl */ [72, 55, 55, 25],
    /* fcntl64 */ [NO, 221, 221, NO], /* fdatasync */ [75, 148, 148, 83],
    /* fgetxattr */ [193, 231, 231, 10], /* flistxattr */ [196, 234, 234, 13],
    /* flock */ [73, 143, 143, 32], /* fork */ [57, 2, 2, NO],
    /* fremovexattr */ [199, 237, 237, 16], /* fsetxattr */ [190, 228, 228, 7],
    /* fstat */ [5, 108, 108, 80], /* fstat64 */ [NO, 197, 197, NO],
    /* fstatat64 */ [NO, 300, 327, NO], /* fstatfs */ [138, 100, 100, 44],
    /* fstatfs64 */ [NO, 269, 267, NO], /* fsync */ [74, 118, 118, 82],
    /* ftruncate */ [77, 93, 93, 46], /* ftruncate64 */ [NO, 194, 194, NO],
    /* futex */ [202, 240, 240, 98], /* futex_requeue */ [456, 456, 456, 456],
    /* futex_time64 */ [NO, 422, 422, NO], /* futex_wait */ [455, 455, 455, 455],
    /* futex_waitv */ [449, 449, 449, 449], /* futex_wake */ [454, 454, 454, 454],
    /* futimesat */ [261, 299, 326, NO], /* getcpu */ [309, 318, 345, 168],
    /* getcwd */ [79, 183, 183, 17], /* getdents */ [78, 141, 141, NO],
    /* getdents64 */ [217, 220, 217, 61], /* getegid */ [108, 50, 50, 177],
    /* getegid32 */ [NO, 202, 202, NO], /* geteuid */ [107, 49, 49, 175],
    /* geteuid32 */ [NO, 201, 201, NO], /* getgid */ [104, 47, 47, 176],
    /* getgid32 */ [NO, 200, 200, NO], /* getgroups */ [115, 80, 80, 158],
    /* getgroups32 */ [NO, 205, 205, NO], /* getitimer */ [36, 105, 105, 102],
    /* getpeername */ [52, 368, 287, 205], /* getpgid */ [121, 132, 132, 155],
    /* getpgrp */ [111, 65, 65, NO], /* getpid */ [39, 20, 20, 172],
    /* getppid */ [110, 64, 64, 173], /* getpriority */ [140, 96, 96, 141],
    /* getrandom */ [318, 355, 384, 278], /* getresgid */ [120, 171, 171, 150],
    /* getresgid32 */ [NO, 211, 211, NO], /* getresuid */ [118, 165, 165, 148],
    /* getresuid32 */ [NO, 209, 209, NO], /* getrlimit */ [97, 76, NO, 163],
    /* get_robust_list */ [274, 312, 339, 100], /* getrusage */ [98, 77, 77, 165],
    /* getsid */ [124, 147, 147, 156], /* getsockname */ [51, 367, 286, 204],
    /* getsockopt */ [55, 365, 295, 209], /* get_thread_area */ [211, 244, NO, NO],
    /* gettid */ [186, 224, 224, 178], /* gettimeofday */ [96, 78, 78, 169],
    /* getuid */ [102, 24, 24, 174], /* getuid32 */ [NO, 199, 199, NO],
    /* getxattr */ [191, 229, 229, 8], /* getxattrat */ [464, 464, 464, 464],
    /* inotify_add_watch */ [254, 292, 317, 27], /* inotify_init */ [253, 291, 316, NO],
    /* inotify_init1 */ [294, 332, 360, 26], /* inotify_rm_watch */ [255, 293, 318, 28],
    /* io_cancel */ [210, 249, 247, 3], /* io_destroy */ [207, 246, 244, 1],
    /* io_getevents */ [208, 247, 245, 4], /* io_pgetevents */ [333, 385, 399, 292],
    /* io_pgetevents_time64 */ [NO, 416, 416, NO], /* ioprio_get */ [252, 290, 315, 31],
    /* ioprio_set */ [251, 289, 314, 30], /* io_setup */ [206, 245, 243, 0],
    /* io_submit */ [209, 248, 246, 2], /* ipc */ [NO, 117, NO, NO],
    /* kill */ [62, 37, 37, 129], /* landlock_add_rule */ [445, 445, 445, 445],
    /* landlock_create_ruleset */ [444, 444, 444, 444], /* landlock_restrict_self */ [446, 446, 446, 446],
    /* lchown */ [94, 16, 16, NO], /* lchown32 */ [NO, 198, 198, NO],
    /* lgetxattr */ [192, 230, 230, 9], /* link */ [86, 9, 9, NO],
    /* linkat */ [265, 303, 330, 37], /* listen */ [50, 363, 284, 201],
    /* listmount */ [458, 458, 458, 458], /* listxattr */ [194, 232, 232, 11],
    /* listxattrat */ [465, 465, 465, 465], /* llistxattr */ [195, 233, 233, 12],
    /* _llseek */ [NO, 140, 140, NO], /* lremovexattr */ [198, 236, 236, 15],
    /* lseek */ [8, 19, 19, 62], /* lsetxattr */ [189, 227, 227, 6],
    /* lstat */ [6, 107, 107, NO], /* lstat64 */ [NO, 196, 196, NO],
    /* madvise */ [28, 219, 220, 233], /* map_shadow_stack */ [453, 453, 453, 453],
    /* membarrier */ [324, 375, 389, 283], /* memfd_create */ [319, 356, 385, 279],
    /* memfd_secret */ [447, 447, NO, 447], /* mincore */ [27, 218, 219, 232],
    /* mkdir */ [83, 39, 39, NO], /* mkdirat */ [258, 296, 323, 34],
    /* mknod */ [133, 14, 14, NO], /* mknodat */ [259, 297, 324, 33],
    /* mlock */ [149, 150, 150, 228], /* mlock2 */ [325, 376, 390, 284],
    /* mlockall */ [151, 152, 152, 230], /* mmap */ [9, 90, NO, 222],
    /* mmap2 */ [NO, 192, 192, NO], /* mprotect */ [10, 125, 125, 226],
    /* mq_getsetattr */ [245, 282, 279, 185], /* mq_notify */ [244, 281, 278, 184],
    /* mq_open */ [240, 277, 274, 180], /* mq_timedreceive */ [243, 280, 277, 183],
    /* mq_timedreceive_time64 */ [NO, 419, 419, NO], /* mq_timedsend */ [242, 279, 276, 182],
    /* mq_timedsend_time64 */ [NO, 418, 418, NO], /* mq_unlink */ [241, 278, 275, 181],
    /* mremap */ [25, 163, 163, 216], /* mseal */ [462, 462, 462, 462],
    /* msgctl */ [71, 402, 304, 187], /* msgget */ [68, 399, 303, 186],
    /* msgrcv */ [70, 401, 302, 188], /* msgsnd */ [69, 400, 301, 189],
    /* msync */ [26, 144, 144, 227], /* munlock */ [150, 151, 151, 229],
    /* munlockall */ [152, 153, 153, 231], /* munmap */ [11, 91, 91, 215],
    /* name_to_handle_at */ [303, 341, 370, 264], /* nanosleep */ [35, 162, 162, 101],
    /* newfstatat */ [262, NO, NO, 79], /* _newselect */ [NO, 142, 142, NO],
    /* open */ [2, 5, 5, NO], /* openat */ [257, 295, 322, 56],
    /* openat2 */ [437, 437, 437, 437], /* pause */ [34, 29, 29, NO],
    /* pidfd_open */ [434, 434, 434, 434], /* pidfd_send_signal */ [424, 424, 424, 424],
    /* pipe */ [22, 42, 42, NO], /* pipe2 */ [293, 331, 359, 59],
    /* pkey_alloc */ [330, 381, 395, 289], /* pkey_free */ [331, 382, 396, 290],
    /* pkey_mprotect */ [329, 380, 394, 288], /* poll */ [7, 168, 168, NO],
    /* ppoll */ [271, 309, 336, 73], /* ppoll_time64 */ [NO, 414, 414, NO],
    /* prctl */ [157, 172, 172, 167], /* pread64 */ [17, 180, 180, 67],
    /* preadv */ [295, 333, 361, 69], /* preadv2 */ [327, 378, 392, 286],
    /* prlimit64 */ [302, 340, 369, 261], /* process_mrelease */ [448, 448, 448, 448],
    /* pselect6 */ [270, 308, 335, 72], /* pselect6_time64 */ [NO, 413, 413, NO],
    /* pwrite64 */ [18, 181, 181, 68], /* pwritev */ [296, 334, 362, 70],
    /* pwritev2 */ [328, 379, 393, 287], /* read */ [0, 3, 3, 63],
    /* readahead */ [187, 225, 225, 213], /* readlink */ [89, 85, 85, NO],
    /* readlinkat */ [267, 305, 332, 78], /* readv */ [19, 145, 145, 65],
    /* recv */ [NO, NO, 291, NO], /* recvfrom */ [45, 371, 292, 207],
    /* recvmmsg */ [299, 337, 365, 243], /* recvmmsg_time64 */ [NO, 417, 417, NO],
    /* recvmsg */ [47, 372, 297, 212], /* remap_file_pages */ [216, 257, 253, 234],
    /* removexattr */ [197, 235, 235, 14], /* removexattrat */ [466, 466, 466, 466],
    /* rename */ [82, 38, 38, NO], /* renameat */ [264, 302, 329, 38],
    /* renameat2 */ [316, 353, 382, 276], /* restart_syscall */ [219, 0, 0, 128],
    /* riscv_hwprobe */ [NO, NO, NO, 258], /* rmdir */ [84, 40, 40, NO],
    /* rseq */ [334, 386, 398, 293], /* rt_sigaction */ [13, 174, 174, 134],
    /* rt_sigpending */ [127, 176, 176, 136], /* rt_sigprocmask */ [14, 175, 175, 135],
    /* rt_sigqueueinfo */ [129, 178, 178, 138], /* rt_sigreturn */ [15, 173, 173, 139],
    /* rt_sigsuspend */ [130, 179, 179, 133], /* rt_sigtimedwait */ [128, 177, 177, 137],
    /* rt_sigtimedwait_time64 */ [NO, 421, 421, NO], /* rt_tgsigqueueinfo */ [297, 335, 363, 240],
    /* sched_getaffinity */ [204, 242, 242, 123], /* sched_getattr */ [315, 352, 381, 275],
    /* sched_getparam */ [143, 155, 155, 121], /* sched_get_priority_max */ [146, 159, 159, 125],
    /* sched_get_priority_min */ [147, 160, 160, 126], /* sched_getscheduler */ [145, 157, 157, 120],
    /* sched_rr_get_interval */ [148, 161, 161, 127], /* sched_rr_get_interval_time64 */ [NO, 423, 423, NO],
    /* sched_setaffinity */ [203, 241, 241, 122], /* sched_setattr */ [314, 351, 380, 274],
    /* sched_setparam */ [142, 154, 154, 118], /* sched_setscheduler */ [144, 156, 156, 119],
    /* sched_yield */ [24, 158, 158, 124], /* seccomp */ [317, 354, 383, 277],
    /* select */ [23, 82, NO, NO], /* semctl */ [66, 394, 300, 191],
    /* semget */ [64, 393, 299, 190], /* semop */ [65, NO, 298, 193],
    /* semtimedop */ [220, NO, 312, 192], /* semtimedop_time64 */ [NO, 420, 420, NO],
    /* send */ [NO, NO, 289, NO], /* sendfile */ [40, 187, 187, 71],
    /* sendfile64 */ [NO, 239, 239, NO], /* sendmmsg */ [307, 345, 374, 269],
    /* sendmsg */ [46, 370, 296, 211], /* sendto */ [44, 369, 290, 206],
    /* setfsgid */ [123, 139, 139, 152], /* setfsgid32 */ [NO, 216, 216, NO],
    /* setfsuid */ [122, 138, 138, 151], /* setfsuid32 */ [NO, 215, 215, NO],
    /* setgid */ [106, 46, 46, 144], /* setgid32 */ [NO, 214, 214, NO],
    /* setgroups */ [116, 81, 81, 159], /* setgroups32 */ [NO, 206, 206, NO],
    /* setitimer */ [38, 104, 104, 103], /* setpgid */ [109, 57, 57, 154],
    /* setpriority */ [141, 97, 97, 140], /* setregid */ [114, 71, 71, 143],
    /* setregid32 */ [NO, 204, 204, NO], /* setresgid */ [119, 170, 170, 149],
    /* setresgid32 */ [NO, 210, 210, NO], /* setresuid */ [117, 164, 164, 147],
    /* setresuid32 */ [NO, 208, 208, NO], /* setreuid */ [113, 70, 70, 145],
    /* setreuid32 */ [NO, 203, 203, NO], /* setrlimit */ [160, 75, 75, 164],
    /* set_robust_list */ [273, 311, 338, 99], /* setsid */ [112, 66, 66, 157],
    /* setsockopt */ [54, 366, 294, 208], /* set_thread_area */ [205, 243, NO, NO],
    /* set_tid_address */ [218, 258, 256, 96], /* setuid */ [105, 23, 23, 146],
    /* setuid32 */ [NO, 213, 213, NO], /* setxattr */ [188, 226, 226, 5],
    /* setxattrat */ [463, 463, 463, 463], /* shmat */ [30, 397, 305, 196],
    /* shmctl */ [31, 396, 308, 195], /* shmdt */ [67, 398, 306, 197],
    /* shmget */ [29, 395, 307, 194], /* shutdown */ [48, 373, 293, 210],
    /* sigaltstack */ [131, 186, 186, 132], /* signalfd */ [282, 321, 349, NO],
    /* signalfd4 */ [289, 327, 355, 74], /* sigprocmask */ [NO, 126, 126, NO],
    /* sigreturn */ [NO, 119, 119, NO], /* splice */ [275, 313, 340, 76],
    /* stat */ [4, 106, 106, NO], /* stat64 */ [NO, 195, 195, NO],
    /* statfs */ [137, 99, 99, 43], /* statfs64 */ [NO, 268, 266, NO],
    /* statmount */ [457, 457, 457, 457], /* statx */ [332, 383, 397, 291],
    /* symlink */ [88, 83, 83, NO], /* symlinkat */ [266, 304, 331, 36],
    /* sync */ [162, 36, 36, 81], /* sync_file_range */ [277, 314, NO, 84],
    /* syncfs */ [306, 344, 373, 267], /* sysinfo */ [99, 116, 116, 179],
    /* tee */ [276, 315, 342, 77], /* tgkill */ [234, 270, 268, 131],
    /* time */ [201, 13, NO, NO], /* timer_create */ [222, 259, 257, 107],
    /* timer_delete */ [226, 263, 261, 111], /* timer_getoverrun */ [225, 262, 260, 109],
    /* timer_gettime */ [224, 261, 259, 108], /* timer_gettime64 */ [NO, 408, 408, NO],
    /* timer_settime */ [223, 260, 258, 110], /* timer_settime64 */ [NO, 409, 409, NO],
    /* timerfd_create */ [283, 322, 350, 85], /* timerfd_gettime */ [287, 326, 354, 87],
    /* timerfd_gettime64 */ [NO, 410, 410, NO], /* timerfd_settime */ [286, 325, 353, 86],
    /* timerfd_settime64 */ [NO, 411, 411, NO], /* times */ [100, 43, 43, 153],
    /* tkill */ [200, 238, 238, 130], /* truncate */ [76, 92, 92, 45],
    /* truncate64 */ [NO, 193, 193, NO], /* ugetrlimit */ [NO, 191, 191, NO],
    /* umask */ [95, 60, 60, 166], /* uname */ [63, 122, 122, 160],
    /* unlink */ [87, 10, 10, NO], /* unlinkat */ [263, 301, 328, 35],
    /* uretprobe */ [335, NO, NO, NO], /* utime */ [132, 30, NO, NO],
    /* utimensat */ [280, 320, 348, 88], /* utimensat_time64 */ [NO, 412, 412, NO],
    /* utimes */ [235, 271, 269, NO], /* vfork */ [58, 190, 190, NO],
    /* vmsplice */ [278, 316, 343, 75], /* wait4 */ [61, 114, 114, 260],
    /* waitid */ [247, 284, 280, 95], /* waitpid */ [NO, 7, NO, NO],
    /* write */ [1, 4, 4, 64], /* writev */ [20, 146, 146, 66],
    /* arm_fadvise64_64 */ [NO, NO, 270, NO], /* sync_file_range2 */ [NO, NO, 341, NO],
    /* arch_prctl */ [158, 384, NO, NO], /* modify_ldt */ [154, 123, NO, NO],
    /* riscv_flush_icache */ [NO, NO, NO, 259],
    // Not in Docker's: old 32-bit programs, and what the kernel itself puts into a traced program.
    /* sigaction */ [NO, 67, 67, NO], /* sigpending */ [NO, 73, 73, NO],
    /* sigsuspend */ [NO, 72, 72, NO], /* signal */ [NO, 48, NO, NO],
    /* nice */ [NO, 34, 34, NO], /* uprobe */ [336, NO, NO, NO],
];
