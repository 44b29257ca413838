from collections.abc import Callable, Sequence
from typing import Final, Optional, final

ENDS: Final[list[str]]
__version__: Final[str]

@final
class ModelFiles:
    def __new__(cls, architecture: bytes) -> ModelFiles: ...
    def parts(self, /) -> int: ...
    def part_bytes(self, /, part: int) -> Optional[int]: ...
    def put(self, /, part: int, file: bytes) -> bytes: ...
    def model_root(self, /) -> bytes: ...
    def check(
        self,
        /,
        prompt: Sequence[int],
        answer: Sequence[int],
        ends: Sequence[int],
        seed: int,
        temperature: int,
        top_p: int,
        tokens_max: int,
        end: str,
        has_stops: bool,
        progress: Optional[Callable[[int, int], object]] = None,
    ) -> tuple[
        bool,
        bool,
        Optional[tuple[int, int, int]],
        Optional[tuple[Optional[tuple[int, str]], str]],
    ]: ...

def tokens_root(prompt: Sequence[int], answer: Sequence[int]) -> bytes: ...
