"""Quantities are read as Kubernetes reads them, and exactly.

What is one: https://github.com/kubernetes/apimachinery/blob/master/pkg/api/resource/quantity.go
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_k8s_inventory.resources.quantities import quantity


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0", "0"),
        ("4", "4"),
        ("+4", "4"),
        ("007", "7"),
        ("1n", "0.000000001"),
        ("250u", "0.00025"),
        ("500m", "0.5"),
        ("1500m", "1.5"),
        ("2k", "2000"),
        ("3M", "3000000"),
        ("4G", "4000000000"),
        ("5T", "5000000000000"),
        ("6P", "6000000000000000"),
        ("7E", "7000000000000000000"),
        ("1Ki", "1024"),
        ("2Mi", "2097152"),
        ("3Gi", "3221225472"),
        ("4Ti", "4398046511104"),
        ("5Pi", "5629499534213120"),
        ("7Ei", "8070450532247928832"),
        ("16374560Ki", "16767549440"),
    ],
)
def test_a_suffix_multiplies(written: str, number: str) -> None:
    assert quantity(written) == Decimal(number)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("12E-1", "1.2"),
        ("5e-9", "0.000000005"),
        ("1.5e3", "1500"),
        ("1E18", "1000000000000000000"),
        ("0e5", "0"),
    ],
)
def test_an_exponent_is_of_ten(written: str, number: str) -> None:
    assert quantity(written) == Decimal(number)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("5.Gi", "5368709120"),
        ("1.5Gi", "1610612736"),
        ("0.1Ki", "102.4"),
        (".25m", "0.00025"),
        ("2.5E", "2500000000000000000"),
        ("-1", "-1"),
        ("-500m", "-0.5"),
        ("-1.5Gi", "-1610612736"),
        ("-1e-3", "-0.001"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775807.999999999", "9223372036854775807.999999999"),
        ("9007199254740993Ki", "9223372036854776832"),
    ],
)
def test_fractions_and_negative_numbers_are_exact(written: str, number: str) -> None:
    assert quantity(written) == Decimal(number)


def test_none_is_none() -> None:
    assert quantity(None) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "1 ",
        " 1",
        "1\n",
        "1 Gi",
        ".",
        "-",
        "+-1",
        "--1",
        "1..5",
        "1.5.2",
        "1,5",
        "Gi",
        "m",
        "e3",
        "1K",
        "1ki",
        "1mi",
        "1GI",
        "1gi",
        "1B",
        "1GiB",
        "1e",
        "1e3Gi",
        "1e3.5",
        "1Ei3",
        "1e1000000",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "half",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{FULLWIDTH DIGIT ONE}Gi",
    ],
)
def test_what_is_no_quantity_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(written)


def test_a_message_is_short_whatever_was_written() -> None:
    with pytest.raises(ValueError, match="is not a quantity") as caught:
        quantity("x" * 10_000)

    assert len(str(caught.value)) < 100
