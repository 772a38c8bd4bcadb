# SPDX-License-Identifier: Apache-2.0
"""rights.py TABLE WORK BIN - every cell of TABLE by every way in: files of a mount, the tool, and a client that checks
nothing itself (BIN/bare). WORK has net/ (a network) and a mount for each identity.

Prints a line for each cell and way: "0" or "1", a tab, its name, a tab, what was wrong.
"""
import concurrent.futures
import errno
import os
import subprocess
import sys
import time

TABLE, WORK, BIN = sys.argv[1:4]
NET = f"{WORK}/net"
ORG = {"patient3": "hospitalC", "patient4": "hospitalD", "doctor1": "hospitalA", "manager1": "hospitalA",
       "governor1": "hospitalA", "doctor2": "hospitalB", "peer1": "hospitalA"}
OWNER = {"owned": "patient3", "custody": "manager1"}
CHART = {"owned": "patient3", "custody": "mia"}
# which section stands for which grant
SECTION = {"-": 10, "none": 2, "r": 3, "ra": 4, "rm": 5, "rd": 6, "ramd": 7, "ended": 8, "revoked": 9, "cosign": 11, "own": 11}
WORD = {"r": "read", "a": "add", "m": "modify", "d": "delete"}
# operation: the letters it needs; what is asked first comes first
NEEDS = {"read": "r", "add": "a", "mkdir": "a", "save": "mc", "setattr": "m", "xattr": "mc", "unlink": "dc", "rmdir": "d",
         "rename": "mc", "replace": "mdc", "grant": "g", "revoke": "g", "erase": "e", "rule": "e", "keys": "k"}
END_S = 12


class Cell:
    def __init__(self, line):
        self.who, self.chart, self.grant, self.may, self.why = line.split(None, 4)
        self.why = self.why.strip()
        self.section = f"EMR{SECTION[self.grant]:02}"
        self.name = f"{self.who}, {self.chart} chart, grant {self.grant}"
        self.see = "s" in self.may

    def dir(self, mount, way):
        return f"{WORK}/{mount}/patients/{CHART[self.chart]}/{self.section}/{self.who}-{way}"

    def patient(self, mount):
        return f"{WORK}/{mount}/patients/{CHART[self.chart]}"

    def allowed(self, op):
        return all(letter in self.may for letter in NEEDS[op])

    def reasons(self, op):
        if op in ("grant", "revoke"):
            return ["only the patient grants"] if self.chart == "owned" else self.why.split("|")
        if op in ("erase", "rule"):
            return ["only the patient" if self.chart == "owned" else "only the custodian"]
        return self.why.split("|")


def tool(*words):
    return subprocess.run([f"{BIN}/chartfs", *words], capture_output=True, text=True)


def must(*words):
    r = tool(*words)
    if r.returncode:
        sys.exit(f"chartfs {' '.join(words)}: {r.stderr}")
    return r.stdout


def point(good, name, wrong=""):
    print(f"{0 if good else 1}\t{name}\t{' '.join(wrong.split())}", flush=True)


def write(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def height(mount):
    with open(f"{WORK}/{mount}/.chartfs/height") as f:
        return int(f.read())


def follow(mount, other):
    want, end = height(other), time.time() + 20
    while height(mount) < want and time.time() < end:
        time.sleep(0.02)


# --- preparation: the owner makes what others are to read, change and remove ---

FILES = ("read.json", "save.json", "unlink.json", "rename.json", "from.json", "to.json", "erase.json")


def prepare(cell):
    for way in ("mount", "peers"):
        d = cell.dir(OWNER[cell.chart], way)
        os.mkdir(d, 0o777)
        os.mkdir(f"{d}/rmdir")
        for name in FILES:
            write(f"{d}/{name}", f'{{"was": "{name}"}}')


def give_grants(cells):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + END_S))
    p = f"{WORK}/patient3/patients/patient3"
    for c in cells:
        if c.chart != "owned" or c.grant in ("-", "none"):
            continue
        letters = c.grant if c.grant[0] == "r" and c.grant != "revoked" else "ramd"
        if c.grant == "own":
            must("rule", p, "--sections", c.section, "--changes", "approved")
            continue
        if c.who == "governor1":
            letters = "r"
        words = ["grant", p, "--to", c.who, "--sections", c.section, "--verbs", ",".join(WORD[x] for x in letters)]
        if c.grant == "ended":
            words += ["--until", until]
        must(*words)
    for c in cells:
        if c.grant == "revoked":
            must("revoke", p, "--from", c.who, "--sections", c.section)
        elif c.who == "governor1" and c.grant == "none":
            # who is in the table as one who sees the chart
            must("grant", p, "--to", c.who, "--sections", "EMR01", "--verbs", "read")
    return time.time() + END_S + 1


def facts(top):
    """All that can be seen of a tree: what a refusal may not change."""
    seen = {}
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            path = f"{where}/{name}"
            s = os.lstat(path)
            seen[path] = (s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, tuple(os.listxattr(path)))
            if name in files:
                with open(path) as f:
                    seen[path] += (f.read(),)
    return seen


# --- by files ---

def do_read(d):
    with open(f"{d}/read.json") as f:
        f.read()


def mount_ops(d):
    return {
        "read": lambda: do_read(d),
        "add": lambda: write(f"{d}/new.json", '{"new": 1}'),
        "mkdir": lambda: os.mkdir(f"{d}/newdir"),
        "save": lambda: write(f"{d}/save.json", '{"now": "other"}'),
        "setattr": lambda: os.chmod(f"{d}/save.json", 0o600),
        "xattr": lambda: os.setxattr(f"{d}/save.json", "user.note", b"1"),
        "unlink": lambda: os.unlink(f"{d}/unlink.json"),
        "rmdir": lambda: os.rmdir(f"{d}/rmdir"),
        "rename": lambda: os.rename(f"{d}/rename.json", f"{d}/renamed.json"),
        "replace": lambda: os.rename(f"{d}/from.json", f"{d}/to.json"),
    }


def last_error(mount):
    with open(f"{WORK}/{mount}/.chartfs/last-error") as f:
        return f.read().rpartition("\n")[0].rpartition("\n")[2]


def attempt(do):
    try:
        do()
    except OSError as e:
        return errno.errorcode[e.errno]
    return "0"


def check(cell, op, got, refused, said, wrong):
    if cell.allowed(op):
        if got != "0":
            wrong.append(f"{op}: {got}, not 0 ({said})")
    elif got != refused:
        wrong.append(f"{op}: {got}, not {refused}")
    elif said is not None and not any(r in said for r in cell.reasons(op)):
        wrong.append(f"{op}: says '{said}', not '{cell.reasons(op)}'")


def by_files(cell):
    d, wrong = cell.dir(cell.who, "mount"), []
    for op, do in mount_ops(d).items():
        got = attempt(do)
        if op == "save" and "m" in cell.may and got == "0" and cell.grant == "cosign":
            with open(f"{d}/save.json") as f:
                if "other" in f.read():
                    wrong.append("save: not asked for")
            continue  # it waits
        check(cell, op, got, "EACCES" if cell.see else "ENOENT", last_error(cell.who) if cell.see else None, wrong)
    if "a" in cell.may and attempt(lambda: os.chmod(f"{d}/new.json", 0o600)) != "0":
        wrong.append("what one made oneself cannot be changed")
    if os.access(f"{d}/read.json", os.R_OK) != cell.allowed("read"):
        wrong.append("access: read")
    # the past is no way around
    chart = d.split("/patients/", 1)[1]
    for past in (f"{WORK}/{cell.who}/at/latest/patients/{chart}", f"{d}/.snapshots/@GMT-2099.01.01-00.00.00"):
        got = attempt(lambda: do_read(past))
        check(cell, "read", got, "EACCES" if cell.see else "ENOENT", None, wrong)
    got = attempt(lambda: os.listdir(f"{d}/.history/read.json"))
    check(cell, "read", got, "EACCES" if cell.see else "ENOENT", None, wrong)
    point(not wrong, f"{cell.name}: files", "; ".join(wrong))


# --- by the tool ---

def by_tool(cell):
    d, p, wrong = cell.dir(cell.who, "mount"), cell.patient(cell.who), []
    words = {
        "rule": ("rule", p, "--sections", cell.section if cell.chart == "owned" else "EMR12", "--changes",
                 "approved" if cell.grant == "own" or cell.chart == "custody" else "granted"),
        "grant": ("grant", p, "--to", "custodianB", "--sections", cell.section, "--verbs", "read"),
        "revoke": ("revoke", p, "--from", "custodianB", "--sections", cell.section),
        "erase": ("erase", f"{d}/erase.json"),
    }
    if "r" not in cell.may and cell.see:
        # there is nothing to name: the directory cannot be entered
        del words["erase"]
    for op, w in words.items():
        r = tool(*w)
        check(cell, op, str(r.returncode), "4" if cell.see else "7", r.stderr.strip() if cell.see else None, wrong)
    for verb in ("show", "log"):
        r = tool(verb, f"{d}/read.json")
        check(cell, "read", str(r.returncode), "4" if cell.see else "7", None, wrong)
    point(not wrong, f"{cell.name}: tool", "; ".join(wrong))


# --- by a client that checks nothing ---

def number(path):
    return str(os.lstat(path).st_ino)


def orders(cell, patient):
    d = cell.dir(OWNER[cell.chart], "peers")
    n = {name: number(f"{d}/{name}") for name in FILES + ("rmdir",)}
    other = "custodianB@hospitalB"
    words = {"add": [number(d)], "mkdir": [number(d)], "save": [n["save.json"]], "setattr": [n["save.json"]],
             "xattr": [n["save.json"]], "unlink": [n["unlink.json"]], "rmdir": [n["rmdir"]],
             "rename": [n["rename.json"]], "replace": [n["from.json"], n["to.json"]], "grant": [other],
             "erase": [n["erase.json"]], "rule": [], "keys": []}
    if not cell.allowed("revoke"):
        words["revoke"] = [other]
    return [f"{op} {op} {patient} {SECTION[cell.grant]} {' '.join(w)}" for op, w in words.items()]


def bare(who, lines):
    identity = f"{NET}/peer1/identity" if who == "peer1" else f"{NET}/who/{who}"
    conf = f"{WORK}/bare-{who}.ini"
    write(conf, f"[mount]\nidentity = {identity}\npassphrase-file = {NET}/passphrase\ngenesis = {NET}/genesis\n"
                f"root = {NET}/ca/root/ca.pem\ndata = {WORK}/bare-{who}\n")
    r = subprocess.run([f"{BIN}/bare", conf], input="\n".join(lines) + "\n", capture_output=True, text=True)
    answers = {}
    for line in r.stdout.splitlines():
        tag, rest = line.split(" ", 1)
        answers[tag] = rest
    if r.returncode:
        answers["error"] = r.stderr
    return answers


def by_peers(cell, patient):
    answers, wrong = bare(cell.who, orders(cell, patient)), []
    if "error" in answers:
        wrong.append(answers["error"])
    for op, need in NEEDS.items():
        got, _, said = answers.get(op, "").partition(" ")
        if op == "read" or (op == "revoke" and cell.allowed(op)):
            continue
        check(cell, op, "0" if got == "CF_OK" else got, "CF_EDENIED", None if op == "keys" else said, wrong)
        if got != "CF_OK" and op != "keys" and not answers.get(op + "!", "").startswith("4 of 4: CF_EDENIED"):
            wrong.append(f"{op}, with signatures of its own: {answers.get(op + '!')}")
    point(not wrong, f"{cell.name}: peers", "; ".join(wrong))


# --- what is no matter of a section ---

def admissions():
    """A patient admits themself, staff in custody of its own organization; nobody else admits anybody."""
    zero = "0" * 32
    want = {
        "patient4": {"own": "CF_OK", "manager1@hospitalA": "CF_EDENIED"},
        "doctor1": {"own": "CF_EDENIED", "manager1@hospitalA": "CF_OK", "custodianB@hospitalB": "CF_EDENIED"},
        "manager1": {"own": "CF_EDENIED", "manager1@hospitalA": "CF_OK", "custodianB@hospitalB": "CF_EDENIED"},
        "governor1": {"own": "CF_EDENIED", "manager1@hospitalA": "CF_EDENIED"},
        "peer1": {"own": "CF_EDENIED", "manager1@hospitalA": "CF_EDENIED"},
    }
    for who, cases in want.items():
        answers = bare(who, [f"{i} admit {zero} 0 {how}" for i, how in enumerate(cases)])
        wrong = [f"{how}: {answers.get(str(i))}, not {w}" for i, (how, w) in enumerate(cases.items())
                 if answers.get(str(i), "").split(" ")[0] != w]
        wrong += [f"with signatures of its own: {a}" for t, a in answers.items()
                  if t.endswith("!") and not a.startswith("4 of 4: CF_EDENIED")]
        point(not wrong, f"{who} admits: peers", "; ".join(wrong))
    got = attempt(lambda: os.mkdir(f"{WORK}/governor1/patients/nobody"))
    point(got == "EACCES", "governor1 admits: files", "" if got == "EACCES" else got)


def standing():
    """A manager suspends staff of the own organization, a governor doctors everywhere, nobody else anybody."""
    zero = "0" * 32
    for who, whom, may in (("patient4", "doctor2@hospitalB", False), ("doctor1", "doctor2@hospitalB", False),
                           ("manager1", "doctor2@hospitalB", False), ("manager1", "doctor1@hospitalA", True),
                           ("governor1", "doctor2@hospitalB", True), ("governor1", "manager1@hospitalA", False),
                           ("governor1", "patient4@hospitalD", False), ("governor1", "peer1@hospitalA", False),
                           ("manager1", "peer1@hospitalA", True), ("peer1", "doctor2@hospitalB", False)):
        answers = bare(who, [f"1 suspend {zero} 0 {whom}", f"2 reinstate {zero} 0 {whom}"])
        want = "CF_OK" if may else "CF_EDENIED"
        wrong = [a for a in (answers.get("1", ""), answers.get("2", "")) if not a.startswith(want)]
        r = tool("suspend", "--config", f"{WORK}/bare-{who}.ini", whom)
        if may:
            tool("reinstate", "--config", f"{WORK}/bare-{who}.ini", whom)
        if r.returncode != (0 if may else 4):
            wrong.append(f"tool: {r.returncode} {r.stderr}")
        point(not wrong, f"{who} suspends {whom}: tool and peers", "; ".join(wrong))


def sharing():
    """The members' key is shared by peers, and only when the members are others than its holders."""
    zero = "0" * 32
    steps = ("deal", "take", "accuse")
    for who in ("patient4", "doctor1", "manager1", "governor1", "peer1"):
        answers = bare(who, [f"{step} {step} {zero} 0" for step in steps])
        want = "CF_EEXIST" if who == "peer1" else "CF_EDENIED"
        wrong = [f"{step}: {answers.get(step)}, not {want}" for step in steps
                 if not answers.get(step, "").startswith(want)]
        if who != "peer1":
            wrong += [f"{step}, with signatures of its own: {answers.get(step + '!')}" for step in steps
                      if not answers.get(step + "!", "").startswith("4 of 4: CF_EDENIED")]
        point(not wrong, f"{who} shares the members' key: peers", "; ".join(wrong))


def main():
    with open(TABLE) as f:
        cells = [Cell(line) for line in f if line.strip() and line[0] != "#"]
    ended = give_grants(cells)
    os.mkdir(f"{WORK}/doctor1/patients/mia", 0o777)
    follow("manager1", "doctor1")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(prepare, cells))
    untouched = [c for c in cells if not set(c.may) & set("amde")]
    before = {c.name: facts(c.dir(OWNER[c.chart], way)) for c in untouched for way in ("mount", "peers")}
    time.sleep(max(0, ended - time.time()))
    ids = {chart: must("grants", f"{WORK}/{owner}/patients/{CHART[chart]}").split()[1]
           for chart, owner in OWNER.items()}
    for c in cells:
        if c.who != "peer1":
            follow(c.who, OWNER[c.chart])
            by_files(c)
            by_tool(c)
        by_peers(c, ids[c.chart])
    after = {c.name: facts(c.dir(OWNER[c.chart], way)) for c in untouched for way in ("mount", "peers")}
    point(before == after, "what nobody might touch is as it was")
    admissions()
    standing()
    sharing()


main()
