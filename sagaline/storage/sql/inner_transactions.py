"""Transactions inside one that is already open: our own, or that of the user's session."""

from typing import cast

from eventsourcing.persistence import ProgrammingError
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from typing_extensions import override

from sagaline.errors import TransactionNotShared
from sagaline.storage.sql.errors import raise_translated
from sagaline.storage.sql.transaction import Transaction, present_owner


class JoinedTransaction(Transaction):
    """A transaction inside one of the same datastore: the outer one commits or rolls back."""

    def __init__(self, outer: Transaction, commit: bool) -> None:
        super().__init__(outer.datastore, commit)
        self._outer = outer

    @property
    @override
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        return self._outer.session

    @override
    def open(self) -> Connection:
        """Returns the outer transaction's connection."""
        return self._outer.connection

    @override
    def close(self, error: BaseException | None) -> None:
        """Translates an error, and keeps the outer transaction from committing a partial write."""
        if error is None:
            return
        if self.commit:
            self._outer.failure = self._outer.failure or error
        raise_translated(error, self.datastore.address)


class ScopedTransaction(Transaction):
    """A transaction that the user's own scoped session begins, commits and rolls back."""

    @property
    @override
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        # It may be an object that only passes attributes on, as in upstream's documentation.
        shared = self.datastore.scoped_session
        registry = getattr(shared, "registry", None)
        return cast("Session", shared if registry is None else registry())

    @override
    def open(self) -> Connection:
        """Returns the connection of the user's session."""
        return self.session.connection()

    @override
    def close(self, error: BaseException | None) -> None:
        """Translates an error, and does nothing else."""
        if error is not None:
            raise_translated(error, self.datastore.address)

    @override
    def __enter__(self) -> Session:
        return self.session


def joined(outer: Transaction, commit: bool) -> JoinedTransaction:
    """A transaction inside an open one.

    Raises TransactionNotShared if the caller is not its owner, and upstream's ProgrammingError for
    a write inside a read.
    """
    if outer.owner != present_owner():
        raise TransactionNotShared(url=outer.datastore.address)
    if commit and not outer.commit:
        raise ProgrammingError("Transaction already started with commit=False")
    return JoinedTransaction(outer, commit)
