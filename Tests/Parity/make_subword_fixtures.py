"""Makes Fixtures/subword-nmt.json: what subword-nmt learns from a text, and how it cuts one.

Run by hand, only when there are more cases; the tests read the committed file and never need subword-nmt:

    python3 -m venv venv
    venv/bin/pip install subword-nmt==0.3.8
    venv/bin/python Tests/Parity/make_subword_fixtures.py

The file holds the text (lines of words), the codes learnt from it for several numbers of merges and least counts, and for each codes
file the lines as it cuts them: `held` lines too, which it was not learnt from. The codes of version 0.1, which subword-nmt still
reads, are those of 0.2 without their version, and merges with the end of the word before them.
"""

import io
import json
from pathlib import Path

from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

FIXTURES = Path(__file__).parent / "Fixtures"

TEXT = """\
the lower house lowers the lowest rates of the newest houses
she sells newer and wider houses than the widest of the older ones
a lower rate is a newer rate , said the oldest of the sellers
le nouveau rendez-vous était prévu pour l'été , à la fête de l'école
les nouvelles maisons étaient plus larges que les anciennes , disait-il
l'e\u0301te\u0301 , c'est la fe\u0302te : e\u0301tait-il pre\u0301vu ?
die neuen Häuser und die alten Häuser , größer als größte Größe
東京 東京都 京都 東京 東京都 に 行き ます
aa aaa aaaa aaaaa aaaaaa abab ababab abababab
👩‍👩‍👧 👩‍👩‍👧‍👦 👍🏽 👍 👍🏽 naïve nai\u0308ve
x y z x. x.. x... 1999 1998 2001 @@ a@@ </w> b</w> #version: 0.2
"""

HELD = """\
the slowest newer widower rerated the houseless
l'étagère nouvellement préparée , l'e\u0301tage\u0300re
Größenwahn und Häuserlein
京東 都東京都都 行
aaaaaaaaaaaaaaab bababa @@@@ w</w>w
👩‍👧 👍🏿 ï q e\u0301
"""


def learn(merges, least):
    output = io.StringIO()
    learn_bpe(io.StringIO(TEXT), output, merges, min_frequency=least)
    return output.getvalue()


def cut(codes):
    bpe = BPE(io.StringIO(codes))
    return {"text": [bpe.segment(line) for line in TEXT.splitlines()],
            "held": [bpe.segment(line) for line in HELD.splitlines()]}


learnt = [{"merges": merges, "minimumCount": least, "codes": learn(merges, least)}
          for merges, least in [(10, 2), (60, 2), (500, 2), (500, 1), (40, 4)]]
for case in learnt:
    case.update(cut(case["codes"]))
body = learnt[1]["codes"].split("\n", 1)[1]
old = "e </w>\ns </w>\nt h\nth e</w>\nr s\nrs </w>\n東 京\n" + body
FIXTURES.joinpath("subword-nmt.json").write_text(json.dumps(
    {"text": TEXT.splitlines(), "held": HELD.splitlines(), "learnt": learnt,
     "older": [{"codes": codes, **cut(codes)} for codes in [old, "#version: 0.1\n" + old]]},
    ensure_ascii=True, indent=1) + "\n")
