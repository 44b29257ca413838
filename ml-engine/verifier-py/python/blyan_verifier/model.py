"""A model from its directory, and answers that are computed by it again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Union

from ._native import ModelFiles, tokens_root
from .receipt import Receipt, VerifierError, read_receipt

# Parts are named by layers and experts, and by nothing that leads elsewhere.
_NAME = re.compile(r"[a-z0-9-]{1,64}")

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Difference:
    """First place where an answer is not what its model gives.

    `kind` is "token" (index, expected and found are of ids) or "end": all tokens are right, and the answer ends elsewhere or for another reason; `index` is
    the number of tokens after which it ends by the definition, `expected` why, both None if it goes on.
    """

    kind: str
    index: Optional[int]
    expected: Union[int, str, None]
    found: Union[int, str]


@dataclass(frozen=True)
class Verdict:
    """Result of a check."""

    equal: bool
    #: False where the end could not be checked, since the request had stop strings.
    end_checked: bool
    first_difference: Optional[Difference]
    #: Root of the model, from its bytes.
    model_root: str
    #: Root over the tokens of prompt and answer, by which a signed receipt names them.
    tokens_root: str


class Model:
    """A model in memory, every byte of which was checked against the roots in its files.

    :param directory: what `blyan model import` wrote, or what a gateway with --share-model hands out
    """

    def __init__(self, directory: Union[str, "PathLike[str]"]) -> None:
        root = Path(directory)
        architecture, parts = _manifest(_read(root / "model.json"))
        self._files = _refusing(lambda: ModelFiles(architecture))
        if self._files.parts() != len(parts):
            raise VerifierError(
                f"model.json lists {len(parts)} parts, and its architecture has {self._files.parts()}: import the model again"
            )
        for index, name in enumerate(parts):
            path = root / "parts" / f"{name}.tblk"
            size = self._files.part_bytes(index)
            # Nothing of a wrong length needs to be read to be refused.
            if path.is_file() and path.stat().st_size != size:
                raise VerifierError(
                    f"part {name} has {path.stat().st_size} bytes instead of {size}: get its file again"
                )
            file = _read(path)
            _refusing(lambda: self._files.put(index, file))
        self.model_root: str = _refusing(self._files.model_root).hex()

    def verify(
        self, receipt: Union[Receipt, str, bytes, Mapping[str, Any]], progress: Optional[Progress] = None
    ) -> Verdict:
        """Computes an answer of this model again, up to the first difference.

        :param progress: called some twenty times a second with the positions that are computed, and those that are computed at most
        """
        record = receipt if isinstance(receipt, Receipt) else read_receipt(receipt)
        if record.model_root != self.model_root:
            raise VerifierError(
                f"the receipt is about model 0x{record.model_root}, and these files are model 0x{self.model_root}: "
                "name the directory of that model"
            )
        equal, end_checked, token, end = _refusing(
            lambda: self._files.check(
                record.prompt,
                record.answer,
                record.ends,
                record.seed,
                record.temperature_q8,
                record.top_p_q8,
                record.max_tokens,
                record.end,
                bool(record.stop),
                progress,
            )
        )
        difference = None
        if token is not None:
            index, expected, found = token
            difference = Difference("token", index, expected, found)
        elif end is not None:
            (index, reason), found = end[0] or (None, None), end[1]
            difference = Difference("end", index, reason, found)
        return Verdict(
            equal=equal,
            end_checked=end_checked,
            first_difference=difference,
            model_root=self.model_root,
            tokens_root=tokens_root(record.prompt, record.answer).hex(),
        )


def verify(
    receipt: Union[Receipt, str, bytes, Mapping[str, Any]],
    directory: Union[str, "PathLike[str]"],
    progress: Optional[Progress] = None,
) -> Verdict:
    """Loads the model of a receipt from its directory, and computes the answer again."""
    record = receipt if isinstance(receipt, Receipt) else read_receipt(receipt)
    return Model(directory).verify(record, progress)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VerifierError(
            f"{path} cannot be read ({error.strerror}): name the directory that blyan model import wrote"
        ) from None


def _manifest(text: bytes) -> tuple:
    def wrong(why: str) -> VerifierError:
        return VerifierError(f"model.json is malformed: {why}. Import the model again")

    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong("it is not JSON") from None
    if not isinstance(fields, dict) or fields.get("format") != "blyan-model/2":
        raise wrong('its format is not "blyan-model/2"')
    architecture, parts = fields.get("architecture"), fields.get("parts")
    if not isinstance(architecture, str) or not isinstance(parts, list):
        raise wrong("architecture or parts are missing")
    names = [part.get("name") if isinstance(part, dict) else None for part in parts]
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise wrong(f"{name!r} does not name a part")
    digits = architecture[2:] if architecture.startswith("0x") else architecture
    try:
        return bytes.fromhex(digits), names
    except ValueError:
        raise wrong("its architecture is not hexadecimal") from None


def _refusing(work: Callable[[], Any]) -> Any:
    """Refusals of the native half are of the package's own kind."""
    try:
        return work()
    except VerifierError:
        raise
    except ValueError as error:
        raise VerifierError(str(error)) from None
