"""The line as sessions change: a place given out counts at once, a free one is called out."""

from moorage_api.resources import ClaudeSession, Phase
from moorage_operator.admission import Limits
from moorage_operator.line import Line
from moorage_operator.store import Record
from moorage_operator.sweep import misplaced

from .builders import condition, pod, session, status


def record(number: int, made: ClaudeSession | None = None, **fields: object) -> Record:
    made = made or session(owner="ann")
    meta = made.metadata.model_copy(update={"uid": f"uid-{number}"})
    return Record(made.model_copy(update={"metadata": meta}), **fields)  # type: ignore[arg-type]


def line_of(*records: Record, per_namespace: int | None = 1) -> Line:
    line = Line(Limits(per_namespace=per_namespace))
    for each in records:
        line.note(each)
    return line


def test_without_limits_everyone_has_a_place() -> None:
    line = Line(Limits())
    assert line.ask(record(1)).number == 0
    assert line.called_up() == []


def test_a_place_that_was_given_out_is_not_given_out_twice() -> None:
    one, two = record(1), record(2)
    line = line_of(one, two)
    assert line.ask(one).number == 0
    assert line.ask(two).number == 1
    assert line.ask(one).number == 0, "it is still the same place"


def test_a_place_that_was_not_taken_is_free_again() -> None:
    one, two = record(1), record(2)
    line = line_of(one, two)
    line.ask(one)
    line.called_up()
    gone = record(1, session(owner="ann", suspend=True))
    line.settle("uid-1", gone)
    assert line.called_up() == ["uid-2"]
    assert line.ask(two).number == 0


def test_a_place_that_was_taken_stays() -> None:
    one, two = record(1), record(2)
    line = line_of(one, two)
    line.ask(one)
    line.settle("uid-1", record(1, session(status(Phase.STARTING), owner="ann")))
    assert line.ask(two).number == 1


def test_whoever_goes_calls_up_the_next() -> None:
    one, two, three = record(1, pod=pod()), record(2), record(3)
    line = line_of(one, two, three)
    line.called_up()
    assert line.called_up() == [], "nothing moved"
    line.forget("uid-1")
    assert line.called_up() == ["uid-2"]


def test_a_session_that_is_gone_takes_its_place_along() -> None:
    one, two = record(1), record(2)
    line = line_of(one, two)
    line.ask(one)
    line.settle("uid-1", None)
    assert line.ask(two).number == 0


def waits(number: int, told: int) -> Record:
    message = f"Waits for its turn: number {told} in line for the limit."
    waiting = status(Phase.PENDING)
    admitted = condition("Admitted", "False", "Waiting", message=message)
    return record(number, session(waiting.model_copy(update={"conditions": [admitted]})))


def test_a_place_that_changed_is_told_exactly_in_front_and_coarsely_behind() -> None:
    told = {1: 2, 9: 10, 30: 32, 31: 40}
    records = {number: waits(number, place) for number, place in told.items()}
    numbers = {each.uid: number for number, each in records.items()}
    found = misplaced(records.values(), lambda each: numbers[each.uid])
    assert found == ["uid-1", "uid-9", "uid-31"]


def test_who_does_not_wait_is_not_misplaced() -> None:
    assert misplaced([record(1, session(status()))], lambda _: 0) == []
