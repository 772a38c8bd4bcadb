#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
mix.py run DIR TWIN SEED SECONDS   a random mix of calls on DIR and, the same, on TWIN, a plain directory: each call
                                   has to come to the same, and what is read has to be the same
mix.py storm DIR SEED SECONDS      a random mix on DIR where others are at it, too: errors are no matter
mix.py tree DIR                    names, types, modes, sizes, contents, link targets and attributes, one line each
"""
import errno
import hashlib
import os
import random
import stat
import sys
import time

BYTES = 300000


def outcome(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))


class Mix:
    """The same calls on several roots; files are open in all of them or in none."""

    def __init__(self, roots, seed):
        self.roots = roots
        self.random = random.Random(seed)
        self.open = []
        self.log = []
        self.count = 0

    def name(self):
        return self.random.choice(["a", "b", "c", "d.txt", "e", "f", "long-" + "n" * 200, "sp ace", "new\nline", "ü"])

    def path(self):
        return "/".join(self.name() for _ in range(self.random.choice([1, 1, 1, 2, 2, 3])))

    def every(self, what, call):
        """call(root index) for each root: the same everywhere."""
        got = [outcome(call, i) for i in range(len(self.roots))]
        self.log.append((what, got[0] if not isinstance(got[0], bytes) else len(got[0])))
        if any(g != got[0] for g in got):
            for line in self.log[-400:]:
                print("#", *(str(w).replace("n" * 200, "") for w in line))
            print("differs:", what.replace("n" * 200, ""), *[g[:80] if isinstance(g, bytes) else g for g in got])
            sys.exit(1)
        return got[0]

    def at(self, i, path):
        return os.path.join(self.roots[i], path)

    def simple(self, what, call, *paths):
        def one(i):
            call(*[self.at(i, p) for p in paths])
            return "done"
        return self.every(what + " " + " ".join(map(repr, paths)), one)

    def do_open(self):
        path, r = self.path(), self.random
        flags = r.choice([os.O_RDONLY, os.O_RDWR, os.O_RDWR, os.O_WRONLY])
        for extra, one_in in ((os.O_CREAT, 2), (os.O_EXCL | os.O_CREAT, 6), (os.O_TRUNC, 4), (os.O_NOFOLLOW, 9),
                              (os.O_DIRECTORY, 30)):
            if r.randrange(one_in) == 0:
                flags |= extra
        if flags & os.O_ACCMODE == os.O_RDONLY:
            flags &= ~os.O_TRUNC  # unspecified
        if flags & os.O_DIRECTORY:
            flags &= ~os.O_CREAT
        if flags & os.O_ACCMODE and r.randrange(5) == 0:
            flags |= os.O_APPEND
        fds = [None] * len(self.roots)

        def one(i):
            fds[i] = os.open(self.at(i, path), flags, 0o640)
            return "open"
        self.every(f"open {path!r} {flags:o}", one)
        if fds[0] is not None:
            self.count += 1
            self.open.append((f"{path}#{self.count}", flags, fds))
            self.log.append((f"that is #{self.count}",))
        if len(self.open) > 5:
            self.close(0)

    def close(self, n):
        path, _, fds = self.open.pop(n)

        def one(i):
            os.close(fds[i])
            return "closed"
        self.every(f"close {path!r}", one)

    def of_open(self, what, call):
        if not self.open:
            return
        path, _, fds = self.random.choice(self.open)
        self.every(f"{what} of {path!r}", lambda i: call(fds[i]))

    def do_write(self):
        offset = self.random.choice([0, 0, self.random.randrange(BYTES), 4096 * self.random.randrange(BYTES // 4096)])
        data = self.random.randbytes(self.random.choice([1, 100, 4096, 5000, 140000]))
        self.of_open(f"write {len(data)} at {offset}", lambda fd: os.pwrite(fd, data, offset))

    def do_read(self):
        offset = self.random.choice([0, self.random.randrange(BYTES)])
        self.of_open(f"read at {offset}", lambda fd: os.pread(fd, 100000, offset))

    def do_ftruncate(self):
        size = self.random.choice([0, self.random.randrange(BYTES)])
        self.of_open(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def do_fsync(self):
        self.of_open("fsync", os.fsync)

    def do_fstat(self):
        def one(fd):
            s = os.fstat(fd)
            return (s.st_mode, s.st_size if stat.S_ISREG(s.st_mode) else 0)
        self.of_open("fstat", one)

    def do_end(self):
        def one(fd):
            return os.lseek(fd, 0, os.SEEK_END) if stat.S_ISREG(os.fstat(fd).st_mode) else 0
        self.of_open("seek to the end", one)

    def do_copy(self):
        if len(self.open) > 1:
            (a, _, fa), (b, _, fb) = self.random.sample(self.open, 2)
            at = self.random.randrange(BYTES)
            self.every(f"copy_file_range {a!r} to {b!r} {at}",
                       lambda i: os.copy_file_range(fa[i], fb[i], 50000, 0, at) if a != b else 0)

    def do_close(self):
        if self.open:
            self.close(self.random.randrange(len(self.open)))

    def do_mkdir(self):
        self.simple("mkdir", lambda p: os.mkdir(p, 0o750), self.path())

    def do_rmdir(self):
        self.simple("rmdir", os.rmdir, self.path())

    def do_unlink(self):
        self.simple("unlink", os.unlink, self.path())

    def do_rename(self):
        self.simple("rename", os.rename, self.path(), self.path())

    def do_symlink(self):
        target = self.path()
        self.simple(f"symlink {target!r}", lambda p: os.symlink(target, p), self.path())

    def do_readlink(self):
        path = self.path()
        self.every(f"readlink {path!r}", lambda i: os.readlink(self.at(i, path)))

    def do_chmod(self):
        mode = self.random.choice([0o600, 0o644, 0o755, 0o444])
        self.simple(f"chmod {mode:o}", lambda p: os.chmod(p, mode), self.path())

    def do_truncate(self):
        size = self.random.choice([0, self.random.randrange(BYTES)])
        self.simple(f"truncate {size}", lambda p: os.truncate(p, size), self.path())

    def do_times(self):
        ns = self.random.randrange(10 ** 18)
        self.simple(f"utimens {ns}", lambda p: os.utime(p, ns=(ns, ns)), self.path())

    def do_stat(self):
        path = self.path()

        def one(i):
            s = os.lstat(self.at(i, path))
            return (s.st_mode, s.st_nlink if stat.S_ISREG(s.st_mode) else 0, 0 if stat.S_ISDIR(s.st_mode) else s.st_size)
        self.every(f"stat {path!r}", one)

    def do_list(self):
        path = os.path.dirname(self.path())
        self.every(f"list {path!r}", lambda i: " ".join(sorted(os.listdir(self.at(i, path)))))

    def do_setxattr(self):
        value = self.random.randbytes(self.random.randrange(200))
        self.simple("setxattr", lambda p: os.setxattr(p, "user.mix", value, 0, follow_symlinks=False), self.path())

    def do_getxattr(self):
        path = self.path()
        self.every(f"getxattr {path!r}", lambda i: os.getxattr(self.at(i, path), "user.mix", follow_symlinks=False))

    def step(self):
        kinds = [self.do_open] * 6 + [self.do_write] * 6 + [self.do_read] * 4 + [self.do_close] * 2 + \
            [self.do_rename] * 3 + [self.do_mkdir] * 2 + [
            self.do_ftruncate, self.do_fsync, self.do_fstat, self.do_end, self.do_copy, self.do_rmdir, self.do_unlink,
            self.do_symlink, self.do_readlink, self.do_chmod, self.do_truncate, self.do_times, self.do_stat, self.do_list,
            self.do_setxattr, self.do_getxattr]
        self.random.choice(kinds)()

    def end(self):
        while self.open:
            self.close(0)


def tree(root):
    lines = []
    for top, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(top, name)
            s = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(s.st_mode) else ""
            if stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    what = f"{s.st_size} {s.st_nlink} {hashlib.sha256(f.read()).hexdigest()}"
            kept = [] if stat.S_ISLNK(s.st_mode) else [(n, os.getxattr(path, n).hex()) for n in sorted(os.listxattr(path))
                                                       if n.startswith("user.")]
            lines.append(f"{os.path.relpath(path, root)!r} {s.st_mode:o} {what!r} {kept}")
    return sorted(lines)


def main():
    if sys.argv[1] == "tree":
        print("\n".join(tree(sys.argv[2])))
        return 0
    roots = sys.argv[2:-2]
    mix = Mix(roots, sys.argv[-2])
    until = time.monotonic() + float(sys.argv[-1])
    while time.monotonic() < until:
        mix.step()
    if sys.argv[1] == "run":
        mix.end()
    else:
        for _, _, fds in mix.open:
            outcome(os.close, fds[0])
    print(f"# {len(mix.log)} calls")
    trees = [tree(r) for r in roots] if sys.argv[1] == "run" else [[]]
    if any(t != trees[0] for t in trees):
        print("\n".join(sorted(set(trees[0]) ^ set(trees[1]))))
        return 1
    return 0


sys.exit(main())
