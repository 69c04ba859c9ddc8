"""A port that takes many questions at once is asked once for a batch."""

from collections.abc import Iterator, Sequence

import pytest

from sagaline import Application, Command, handles
from sagaline.application.message_handling import handling_of
from sagaline.messaging.message import Message
from sagaline.ports.fault import PortFault
from tests.sagaline.small_system import env


class BuyTicket(Command):
    row: int


class BoxOffice(Application):
    """Buys tickets of a counter that takes a list; row 13 is not sold."""

    asked: list[list[int]]
    sold: list[str]
    is_open = True

    @handles(BuyTicket)
    def buy(self, command: BuyTicket, answer: str) -> None:
        self.sold.append(answer)

    @buy.asks_all
    def ask_counter(self, commands: Sequence[BuyTicket]) -> list[str | Exception]:
        if not self.is_open:
            raise ConnectionError("nobody is there")
        self.asked.append([each.row for each in commands])
        answers = [f"ticket for row {each.row}" for each in commands if each.row]
        return [LookupError("row 13") if "13" in each else each for each in answers]


@pytest.fixture
def office(sqlite_store: str) -> Iterator[BoxOffice]:
    app = BoxOffice({"PERSISTENCE_MODULE": "sagaline.storage", **env(sqlite_store)})
    app.asked, app.sold = [], []
    yield app
    app.close()


def answers_to(office: BoxOffice, *rows: int) -> list[object]:
    messages = [Message("Desk", 100 + row, "", event=BuyTicket(row=row)) for row in rows]
    handling_of(office).calls.pool.patience = 10.0
    answers = handling_of(office).call_ports(messages).answers
    return [answers[id(each)] for each in messages]


def test_a_batch_is_one_question(office: BoxOffice) -> None:
    assert answers_to(office, 1, 2, 3) == [f"ticket for row {n}" for n in (1, 2, 3)]
    assert office.asked == [[1, 2, 3]]


def test_a_fault_of_one_is_no_fault_of_the_others(office: BoxOffice) -> None:
    first, second, third = answers_to(office, 1, 13, 2)
    assert (first, third) == ("ticket for row 1", "ticket for row 2")
    assert second == PortFault("LookupError: row 13")


def test_a_call_that_fails_is_a_fault_of_all(office: BoxOffice) -> None:
    office.is_open = False
    assert answers_to(office, 1, 2) == [PortFault("ConnectionError: nobody is there")] * 2


def test_a_port_that_forgets_a_question_is_a_fault_of_all(office: BoxOffice) -> None:
    fault = PortFault("ValueError: 1 answers were given to 2 questions")
    assert answers_to(office, 1, 0) == [fault, fault]


def test_two_questions_of_one_key_are_asked_one_after_the_other(office: BoxOffice) -> None:
    first, second = (Message("Desk", 100 + n, "", "Ada", event=BuyTicket(row=n)) for n in (1, 2))
    found = handling_of(office).call_ports([first, second])
    assert (list(found.answers), found.waiting) == ([id(first)], [second])
    assert office.asked == [[1]]


def test_a_person_asks_for_one(office: BoxOffice) -> None:
    office.execute_one(BuyTicket(row=1))
    assert office.sold == ["ticket for row 1"]
    with pytest.raises(LookupError, match="row 13"):
        office.execute_one(BuyTicket(row=13))
    assert office.asked == [[1], [13]]
