"""What a process in the sandbox gives up before it runs a student's code."""

import ctypes
import os
import platform
import resource
import struct

# Calls to the kernel that no exercise needs: new name spaces, mounts, other processes' memory,
# keys, kernel modules, and interfaces known for holes. Numbers are <asm/unistd.h>'s.
SHARED = [*range(425, 433), 435, 438, 442]  # io_uring, fsopen and its kin, clone3, pidfd_getfd
FORBIDDEN = {
    # machine: its audit number, clone, other ways to fork, and the calls
    "x86_64": (
        0xC000003E,
        56,
        [57, 58],
        [101, 155, 161, 165, 166, 175, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311, 313]
        + [321, 323],
    ),
    "aarch64": (
        0xC00000B7,
        220,
        [],
        [39, 40, 41, 51, 97, 104, 105, 117, 217, 218, 219, 241, 265, 268, 270, 271, 273, 280, 282],
    ),
}
NEW_USER_SPACE = 0x10000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of the packet filter
ALLOW, NOT_PERMITTED, NOT_THERE, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2  # of prctl


def give_up_privileges(user, memory, seconds, disk, processes):
    """Limits that hold for this process from here on; as root, another user as well.

    memory: bytes of address space; seconds: of processor time; disk: bytes in one file;
    processes: of this user, threads included; 1 forbids to start any.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: disk,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    for what, limit in limits.items():
        resource.setrlimit(what, (limit, limit))
    install(kernel_filter(platform.machine(), forking=processes > 1))


def kernel_filter(machine, forking):
    """The packet filter that the kernel runs on each call, as instructions of four numbers.

    OSError for a machine whose numbers are not known here.
    """
    if machine not in FORBIDDEN:
        raise OSError(f"no list of kernel calls for {machine}")
    audit, clone, forks, calls = FORBIDDEN[machine]
    program = [
        (LOAD, 0, 0, 4),  # the machine that the call is made for
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # the number of the call
        (AT_LEAST, 0, 1, 0x40000000),  # a second set of numbers, on x86
        (RETURN, 0, 0, NOT_PERMITTED),
        *answer(435, NOT_THERE),  # so that the C library tries clone
    ]
    for number in [*calls, *SHARED] + ([] if forking else [clone, *forks]):
        program += answer(number, NOT_PERMITTED)
    program += [
        (EQUAL, 0, 3, clone),
        (LOAD, 0, 0, 16),  # its first argument
        (ANY_BIT, 0, 1, NEW_USER_SPACE),
        (RETURN, 0, 0, NOT_PERMITTED),
        (RETURN, 0, 0, ALLOW),
    ]
    return program


def answer(number, what):
    """Two instructions: for a call of this number, return at once."""
    return [(EQUAL, 0, 1, number), (RETURN, 0, 0, what)]


def install(program):
    """Put the filter in force for good, for this process and what it starts."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    pointer = ctypes.byref(Program(len(program), ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    none = ctypes.c_ulong(0)
    if libc.prctl(NO_NEW_PRIVILEGES, ctypes.c_ulong(1), none, none, none) or libc.prctl(
        SECCOMP, ctypes.c_ulong(FILTER), pointer, none, none
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")
