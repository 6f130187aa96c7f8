"""How much a template may cost, so that none hangs or exhausts the memory of the process that renders it.

Go itself limits depth alone. Here what a template computes is counted: steps (a node that is evaluated, an instruction
that a regular expression tries, ...) and memory (what functions give back, freed or not). A function that makes much of
little (`repeat`, `until`) asks before it makes it.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

OUTPUT_LIMIT = 16 << 20  # bytes of the output, and of any one string
MEMORY_LIMIT = 64 << 20  # bytes of everything that functions give back
ELEMENT_SIZE = 64  # bytes that a new element of a list or map is counted as
PLACE_SIZE = 8  # bytes that the place of an element is counted as which was there before
STEP_LIMIT = 5_000_000
DEPTH_LIMIT = 100_000  # templates that are executed within templates, as in Go


class LimitError(FunctionError):
    """A template that needs more than it may have."""

    def __init__(self, text: str) -> None:
        super().__init__(text, is_constant=True)


class Budget:
    """What one rendering may still spend: steps, and bytes of memory."""

    __slots__ = ("memory", "memory_limit", "step_limit", "steps")

    def __init__(self, steps: int = STEP_LIMIT, memory: int = MEMORY_LIMIT) -> None:
        self.steps = self.step_limit = steps
        self.memory = self.memory_limit = memory

    def spend_steps(self, steps: int) -> None:
        """Count steps. Raises LimitError when they are used up."""
        self.steps -= steps
        if self.steps < 0:
            raise LimitError(f"the template takes more than {self.step_limit} steps")

    def reserve(self, size: int) -> None:
        """Count bytes that will be made, a string's. Raises LimitError if they are too many."""
        if size > OUTPUT_LIMIT:
            raise LimitError(f"the result would be larger than {OUTPUT_LIMIT >> 20} MiB")
        self.spend_memory(size)

    def reserve_elements(self, count: int) -> None:
        """Count the elements of a list or map that will be made. Raises LimitError if they are too many."""
        self.spend_memory(count * ELEMENT_SIZE)

    def spend_memory(self, size: int) -> None:
        """Count bytes. Raises LimitError when there are too many."""
        self.memory -= size
        if self.memory < 0:
            raise LimitError(f"the template makes more than {self.memory_limit >> 20} MiB of values")

    def expect_room(self, size: int) -> None:
        """Raise LimitError if more bytes are in use for the time being than may still be made."""
        if size > self.memory:
            self.spend_memory(size)

    def count_result(self, value: object) -> None:
        """Count what a function gave back. Raises LimitError if it is too much."""
        if isinstance(value, bytes):
            self.reserve(len(value))
        elif isinstance(value, list | dict):
            self.spend_memory(len(value) * PLACE_SIZE)
