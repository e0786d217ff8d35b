"""The two kinds of failure, each saying what was tried and what to do. No handling here."""

from __future__ import annotations


class PaygoError(Exception):
    """Base of what the commands turn into one clear message.

    `what` happened, `tried` to do what (may be empty), and `todo`: what the reader can do.
    """

    def __init__(self, what: str, *, tried: str = "", todo: str = "") -> None:
        self.what = what
        self.tried = tried
        self.todo = todo
        parts = [what]
        if tried:
            parts.append(f"Tried: {tried}.")
        if todo:
            parts.append(f"To do: {todo}")
        super().__init__(" ".join(parts))


class PermanentFailure(PaygoError):
    """Trying again changes nothing: a revoked key, a wrong version, a broken contract."""


class TransientFailure(PaygoError):
    """Trying again later may succeed: a time-out, a limit, a lock held by another run."""


class ContractViolation(PermanentFailure):
    """A source's shape differs from the contract; names stream and column."""
