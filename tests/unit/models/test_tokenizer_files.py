"""A checkpoint's tokenizer files do not depend on how the tokenizer was loaded."""

from transformers import AutoTokenizer

from tampo.files import checksums
from tampo.models.pretrain import build_tokenizer
from tampo.models.tokenizer_files import save_tokenizer


def test_files_are_the_same_however_it_was_loaded(tmp_path):
    save_tokenizer(build_tokenizer(), tmp_path / "made")
    for offline in (False, True):
        loaded = AutoTokenizer.from_pretrained(tmp_path / "made", local_files_only=offline)
        save_tokenizer(loaded, tmp_path / f"again-{offline}")
    made, online, offline = (checksums(tmp_path / n) for n in ("made", "again-False", "again-True"))
    assert online == offline
    assert online == made
