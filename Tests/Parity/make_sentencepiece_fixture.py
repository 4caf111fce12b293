"""Makes Fixtures/sentencepiece.json: a small model of SentencePiece, and what it makes of some texts.

Run by hand; the tests read the committed file, in builds with the trait SentencePiece. Debian's spm_train, spm_encode and
spm_decode (apt-get install sentencepiece, 0.1.97) must be on the path:

    python3 Tests/Parity/make_sentencepiece_fixture.py

The file holds the model (base64), and for each text its pieces and the text that they are put together to.
"""

import base64
import json
import subprocess
import tempfile
from pathlib import Path

FIXTURES = Path(__file__).parent / "Fixtures"

TEXT = """\
the lower house lowers the lowest rates of the newest houses
she sells newer and wider houses than the widest of the older ones
a lower rate is a newer rate, said the oldest of the sellers
le nouveau rendez-vous était prévu pour l'été, à la fête de l'école
les nouvelles maisons étaient plus larges que les anciennes, disait-il
die neuen Häuser und die alten Häuser, größer als größte Größe
東京都に行きます。東京は大きいです。
"""

HELD = ["the slowest newer widower", "l'étagère nouvellement préparée,  l'été", "東京都", "👩‍👩‍👧 and 👍🏽", " white  space ", "Ω"]

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    (folder / "text").write_text(TEXT)
    # Without rules of normalisation a model is small.
    subprocess.run(
        ["spm_train", "--input=text", "--model_prefix=small", "--vocab_size=90", "--normalization_rule_name=identity",
         "--minloglevel=2"], cwd=folder, check=True)

    def run(program, text, *more):
        result = subprocess.run([program, "--model=small.model", *more], cwd=folder, input=text, text=True, check=True,
                                capture_output=True)
        return result.stdout.removesuffix("\n")

    cases = []
    for text in TEXT.splitlines() + HELD:
        pieces = run("spm_encode", text, "--output_format=piece").split(" ")
        cases.append({"text": text, "pieces": pieces, "decoded": run("spm_decode", " ".join(pieces))})
    model = base64.b64encode((folder / "small.model").read_bytes()).decode()
    FIXTURES.joinpath("sentencepiece.json").write_text(
        json.dumps({"model": model, "cases": cases}, ensure_ascii=True, indent=1) + "\n")
