#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_libreoffice.sh - LibreOffice makes a letter on a mount and edits it twice: its locks and temporary files stay
# on the mount, each save is one version.
. "$(dirname "$0")/../lib/solo.sh"

command -v soffice >/dev/null && /usr/bin/python3 -c 'import uno' 2>/dev/null || {
	echo "no LibreOffice with python3-uno here"
	exit 77
}
L=$M/patients/lena/EMR12
letter=$L/letter.odt

soffice --headless --norestore --nologo -env:UserInstallation=file://"$work/office" \
	--accept="pipe,name=chartfs$$;urp" >"$work/soffice.log" 2>&1 &
office=$!
also_at_end=end_office
end_office()
{
	kill "$office" 2>/dev/null
	wait "$office" 2>/dev/null
	solo_end
}

# edit FILE TEXT: opens it, or a new one, writes a paragraph more, saves, closes
edit()
{
	/usr/bin/python3 - "$1" "$2" "chartfs$$" <<'PY'
import os, sys, time, uno
from com.sun.star.beans import PropertyValue
path, text, pipe = sys.argv[1:]
local = uno.getComponentContext()
resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
for i in range(200):
    try:
        ctx = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        break
    except Exception:
        time.sleep(0.3)
desktop = ctx.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", ctx)
hidden = PropertyValue("Hidden", 0, True, 0)
there = os.path.exists(path)
doc = desktop.loadComponentFromURL("file://" + path if there else "private:factory/swriter", "_blank", 0, (hidden,))
assert doc is not None and not doc.isReadonly()
if there:
    print(*[n for n in os.listdir(os.path.dirname(path)) if n.startswith(".~lock.")])
doc.Text.insertString(doc.Text.End, text, False)
if there:
    doc.store()
else:
    doc.storeAsURL("file://" + path, ())
doc.close(True)
PY
}

holds()
{
	unzip -p "$letter" content.xml | grep -q "$1"
}

# the first file of the section: a lease to write and, as it looks at what it wrote, one to read
costs "a new letter" 3 edit "$letter" "first words"
ok "holds what was written" holds "first words"
# it gives the file that it renamed over the old one the mode by name
costs "edited" 2 edit "$letter" ", second words"
costs "and again" 2 edit "$letter" ", third words"
ok "all of it is there" holds "first words, second words, third words"
is "a version each" 3 bash -c "ls $L/.history/letter.odt | wc -l"
ok "the second one is a letter, too" bash -c "unzip -p $L/.history/letter.odt/0002-* content.xml | grep -q 'second words<'"
is "it was locked meanwhile" ".~lock.letter.odt#" edit "$letter" ", fourth words"
is "and nothing of that is left" letter.odt ls -A "$L"
ok "a remount" bash -c "kill $office; sleep 1; true"
wait "$office" 2>/dev/null
ok "of the mount" remount
ok "the letter is whole" unzip -tq "$letter"
