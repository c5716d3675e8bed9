from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.quantities import parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("8h", timedelta(hours=8)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("0s", timedelta()),
        ("366d", timedelta(days=366)),
    ],
)
def test_durations_as_people_write_them(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "m",
        "-5s",
        "1.5h",
        "5 s",
        "5s ",
        "1w",
        "5S",
        "٣s",
        "367d",
        "9" * 39 + "d",
        "1s" * 40,
    ],
)
def test_other_durations_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(text)


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from("dhms")), min_size=1, max_size=3))
def test_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{count}{unit}" for count, unit in parts)
    assert parse_duration(text) == sum(
        (parse_duration(f"{count}{unit}") for count, unit in parts), timedelta()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", Decimal(2)),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("10Gi", Decimal(10 * 1024**3)),
        ("4G", Decimal(4 * 1000**3)),
        ("1k", Decimal(1000)),
        ("3Ei", Decimal(3 * 1024**6)),
    ],
)
def test_quantities_as_kubernetes_has_them(text: str, expected: Decimal) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize("text", ["", "Gi", "10GB", "1e3", "-1", "1 Gi", "10gi", "٣", "9" * 41])
def test_other_quantities_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_duration, parse_quantity):
        try:
            parse(text)
        except ValueError as error:
            assert "quantity" in str(error) or "duration" in str(error)  # noqa: PT017
